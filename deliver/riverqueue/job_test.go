package riverqueue_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
)

// FuzzJob: what a Queue stores of any request, a Worker reads.
func FuzzJob(f *testing.F) {
	f.Add("new-1", "crm", "1", "new_lead", false, "application/json", []byte(`{"a":1}`), []byte(`{"a":"***"}`), "jane@example.com")
	f.Add("a/b", "c%2Fd/", "", "lead_update", true, "text/x; a=;base64,", []byte("\x00\xff"), []byte("\x00\xff"), "")
	f.Add("", "", "/", ".", true, "", []byte("."), []byte{}, "\xff")
	f.Fuzz(func(t *testing.T, id, endpointID, leadID, messageType string, test bool, contentType string, body, masked []byte, sensitive string) {
		req := deliver.Request{
			ID: id, EndpointID: endpointID, LeadID: leadID, MessageType: messageType, Test: test, ContentType: contentType,
			Body: body, Masked: masked, Sensitive: []string{sensitive},
		}
		text, err := json.Marshal(riverqueue.NewJob(&req))
		require.NoError(t, err)
		var job riverqueue.Job
		require.NoError(t, json.Unmarshal(text, &job))
		got, err := job.Request()
		require.NoError(t, err)
		assert.Equal(t, []string{id, endpointID, leadID, messageType}, []string{got.ID, got.EndpointID, got.LeadID, got.MessageType})
		assert.Equal(t, test, got.Test)
		assert.Equal(t, string(body), string(got.Body))
		assert.Equal(t, string(masked), string(got.Masked))
		want, err := json.Marshal(sensitive) // a text in JSON is UTF-8
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(want, &sensitive))
		assert.Equal(t, []string{sensitive}, got.Sensitive)
		want, err = json.Marshal(contentType)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(want, &contentType))
		assert.Equal(t, contentType, got.ContentType)
	})
}

// FuzzJobOfOthers: args that something else wrote are an error, never a panic.
func FuzzJobOfOthers(f *testing.F) {
	f.Add("crm/1", "new_lead/crm/new-1", "data:;base64,", "", "")
	f.Add("crm", "", "", "!", "[")
	f.Fuzz(func(t *testing.T, stream, message, body, masked, sensitive string) {
		job := riverqueue.Job{Stream: stream, Message: message, Body: body, Masked: masked, Sensitive: sensitive}
		if req, err := job.Request(); err != nil {
			assert.Nil(t, req)
		}
	})
}

func TestJobsOfOthersAreRefused(t *testing.T) {
	good := riverqueue.Job{Stream: "crm/1", Message: "new_lead/crm/new-1", Body: "data:text/plain;base64,aGk="}
	_, err := good.Request()
	require.NoError(t, err)
	for name, spoil := range map[string]func(*riverqueue.Job){
		"stream":         func(j *riverqueue.Job) { j.Stream = "crm" },
		"message":        func(j *riverqueue.Job) { j.Message = "new_lead/crm" },
		"long message":   func(j *riverqueue.Job) { j.Message += "/test/more" },
		"escape":         func(j *riverqueue.Job) { j.Message = "new_lead/crm/%zz" },
		"scheme":         func(j *riverqueue.Job) { j.Body = "text/plain;base64,aGk=" },
		"body":           func(j *riverqueue.Job) { j.Body += "!" },
		"no base64":      func(j *riverqueue.Job) { j.Body = "data:text/plain,hi" },
		"masked":         func(j *riverqueue.Job) { j.Masked = "!" },
		"sensitive list": func(j *riverqueue.Job) { j.Sensitive = "jane" },
	} {
		bad := good
		spoil(&bad)
		_, err := bad.Request()
		assert.Error(t, err, name)
	}
}
