package riverqueue

// NewJob is what a Queue stores.
var NewJob = newJob
