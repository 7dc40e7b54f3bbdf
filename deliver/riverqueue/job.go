package riverqueue

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/topprovider/leadhook/deliver"
)

// A Job is one request as River keeps it, in the job's args. They are few, since
// each costs PostgreSQL two entries in an index of River's whenever a job's state
// changes. IDs are escaped as parts of a URL's path.
type Job struct {
	// Stream is what keeps its order, an endpoint and a lead: crm/42.
	Stream string `json:"stream"`
	// Message is what is stored once: new_lead/crm/new-42, with a /test behind it
	// where it is one.
	Message string `json:"message" river:"unique"`
	// Body is what is sent, and its type: a data URL (RFC 2397) in base64.
	Body string `json:"body"`
	// Masked and Sensitive are the request's, for a history: base64, and the text of
	// a JSON array. A Masked of "." is the body.
	Masked    string `json:"masked,omitempty"`
	Sensitive string `json:"sensitive,omitempty"`
}

// Kind is the job's kind in River.
func (Job) Kind() string { return "leadhook_delivery" }

const (
	scheme    = "data:"
	inBase64  = ";base64,"
	sameBytes = "."
)

func newJob(req *deliver.Request) Job {
	j := Job{
		Stream:  join(req.EndpointID, req.LeadID),
		Message: join(req.MessageType, req.EndpointID, req.ID),
		Body:    scheme + req.ContentType + inBase64 + base64.StdEncoding.EncodeToString(req.Body),
	}
	if req.Test {
		j.Message += "/test"
	}
	switch {
	case len(req.Masked) == 0:
	case bytes.Equal(req.Masked, req.Body):
		j.Masked = sameBytes
	default:
		j.Masked = base64.StdEncoding.EncodeToString(req.Masked)
	}
	if len(req.Sensitive) > 0 {
		text, _ := json.Marshal(req.Sensitive)
		j.Sensitive = string(text)
	}
	return j
}

func join(ids ...string) string {
	for i, id := range ids {
		ids[i] = url.PathEscape(id)
	}
	return strings.Join(ids, "/")
}

var errNotOurs = errors.New("riverqueue: the job's args are none that a Queue writes")

// Request returns the request that j stands for, without its destination.
func (j *Job) Request() (*deliver.Request, error) {
	var r reader
	stream, message := r.split(j.Stream), r.split(j.Message)
	contentType, body, ok := cutLast(j.Body, inBase64)
	if len(stream) != 2 || len(message) < 3 || len(message) > 4 || !ok || !strings.HasPrefix(contentType, scheme) {
		return nil, errNotOurs
	}
	req := &deliver.Request{
		EndpointID: stream[0], LeadID: stream[1], MessageType: message[0], ID: message[2], Test: len(message) == 4,
		ContentType: contentType[len(scheme):], Body: r.bytes(body),
	}
	if j.Masked == sameBytes {
		req.Masked = req.Body
	} else {
		req.Masked = r.bytes(j.Masked)
	}
	if j.Sensitive != "" {
		r.note(json.Unmarshal([]byte(j.Sensitive), &req.Sensitive))
	}
	if r.err != nil {
		return nil, fmt.Errorf("%w: %w", errNotOurs, r.err)
	}
	return req, nil
}

// endpointID is that of Request, as far as it can be read.
func (j *Job) endpointID() string {
	escaped, _, _ := strings.Cut(j.Stream, "/")
	id, _ := url.PathUnescape(escaped)
	return id
}

// A reader keeps the first error.
type reader struct{ err error }

func (r *reader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) split(joined string) []string {
	parts := strings.Split(joined, "/")
	for i, part := range parts {
		id, err := url.PathUnescape(part)
		r.note(err)
		parts[i] = id
	}
	return parts
}

func (r *reader) bytes(text string) []byte {
	if text == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	r.note(err)
	return b
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
