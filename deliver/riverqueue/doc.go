// Package riverqueue makes deliveries durable with River
// (https://riverqueue.com): on a SQLite file for one machine, on PostgreSQL for
// many. The host has the [river.Client]; nothing of River is hidden from it.
//
// # Storing
//
// [Queue] is a deliver.Deliverer that stores a request as a job and answers
// Queued. [Queue.Tx] stores within the host's own transaction: its lead and the
// deliveries of it are committed together, or neither is. A job holds what is to
// be sent and for whom; the URL, headers and secrets are looked up when it is
// sent. What cannot be stored now is deliver.ErrExhausted with deliver.CauseQueue,
// and nothing of it is stored.
//
// A message is stored once for an endpoint, however often it is delivered to the
// Queue, for as long as River keeps its job: when it was sent,
// river.Config.CompletedJobRetentionPeriod (a day). One that was canceled or given
// up may be stored again.
//
// [Queue.Migrate] adds an index to River's table; call it where the host calls
// River's own migrations.
//
// # Sending
//
// [Worker] sends. What is rejected cancels the job, what may pass later is tried
// again by [DefaultSchedule], and a Retry-After is waited for without using up an
// attempt, for a week at the most. Each attempt of a job is one HTTP exchange, with
// the same webhook-id and a signature of its own.
//
// # Order
//
// For one endpoint and lead, jobs are sent in the order in which they were stored,
// each when the one before was delivered or has failed for good. No other lead
// waits. Of two transactions that are open at once in PostgreSQL, the one that
// stored first comes first, unless the other is committed and sent before.
//
// # Held endpoints
//
// What is delivered to a held endpoint (deliver.Destination.Held) is stored as a
// pending job, which waits without using up attempts or waking a worker, until
// [Queue.Release]. So does what was stored before, when its next attempt comes. A
// disabled endpoint is held, as far as a worker is concerned: release it when it
// is enabled again.
//
// # Crashes
//
// What a killed process was sending is sent again when River takes it for stuck,
// which river.Config.RescueStuckJobsAfter says: an hour, where it is not set. It
// must be longer than river.Config.JobTimeout (a minute), and that longer, by some
// seconds for the database, than the longest deliver.Destination.Timeout. A kill
// counts as an attempt; at the last one the job is given up. River writes down what is done a few
// hundred milliseconds later and in batches, so that a kill may also repeat what
// was just delivered, with the webhook-id that it had. With [Store] a delivery is
// recorded and its job completed in one transaction, at once.
//
// # History
//
// A history around a Worker's deliverer says queued while a job is to be tried
// again, and failed when that was the last attempt. It is not told of jobs that end
// without being sent: discarded, superseded, of an endpoint that was deleted, or
// given up by River. Their rows in River's table say why.
package riverqueue
