package riverqueue

import (
	"bytes"
	"strconv"

	"github.com/topprovider/leadhook/deliver"
)

// A Job is one request as River keeps it, in the job's args.
type Job struct {
	// Stream is what keeps its order: an endpoint and a lead.
	Stream string `json:"stream"`

	// These name the job: a message is stored once for an endpoint.
	ID          string `json:"id" river:"unique"`
	EndpointID  string `json:"endpointId" river:"unique"`
	MessageType string `json:"messageType" river:"unique"`

	LeadID      string   `json:"leadId"`
	Test        bool     `json:"test,omitempty" river:"unique"`
	ContentType string   `json:"contentType"`
	Body        []byte   `json:"body"`
	Sensitive   []string `json:"sensitive,omitempty"`
	Masked      []byte   `json:"masked,omitempty"`      // for a history
	Unsensitive bool     `json:"unsensitive,omitempty"` // Masked is the body
}

// Kind is the job's kind in River.
func (Job) Kind() string { return "leadhook_delivery" }

func newJob(req *deliver.Request) Job {
	j := Job{
		Stream: stream(req.EndpointID, req.LeadID),
		ID:     req.ID, EndpointID: req.EndpointID, LeadID: req.LeadID, MessageType: req.MessageType, Test: req.Test,
		ContentType: req.ContentType, Body: req.Body, Sensitive: req.Sensitive, Masked: req.Masked,
	}
	if len(req.Masked) > 0 && bytes.Equal(req.Masked, req.Body) {
		j.Masked, j.Unsensitive = nil, true
	}
	return j
}

// stream names an endpoint and a lead: no two of them have the same name.
func stream(endpointID, leadID string) string {
	return strconv.Itoa(len(endpointID)) + ":" + endpointID + ":" + leadID
}

// request is what j sends to a destination.
func (j *Job) request(to deliver.Destination) *deliver.Request {
	req := &deliver.Request{
		ID: j.ID, EndpointID: j.EndpointID, LeadID: j.LeadID, MessageType: j.MessageType, Test: j.Test,
		ContentType: j.ContentType, Body: j.Body, Masked: j.Masked, Sensitive: j.Sensitive, Destination: to,
	}
	if j.Unsensitive {
		req.Masked = req.Body
	}
	return req
}
