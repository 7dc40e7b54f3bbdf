package riverqueue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook/routing"
)

// How long a job waits for another of its stream, without using up an attempt.
const (
	waitForRunning = 500 * time.Millisecond // one that is about to be sent
	waitForRetry   = 5 * time.Minute        // at the most, for one that is to be tried later
)

// unfinished are the states of jobs that may still be sent.
var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

// errSuperseded is why an older lead_update was not sent.
var errSuperseded = errors.New("riverqueue: a newer lead_update of the same lead replaces it")

// turn says how long a job has to wait for one of its stream that was stored
// before it; 0 where it is its turn. errSuperseded: it is not to be sent at all.
func (w *Worker[TTx]) turn(ctx context.Context, client *river.Client[TTx], job *river.Job[Job]) (time.Duration, error) {
	if job.Args.LeadID == "" {
		return 0, nil
	}
	if w.Supersede && job.Args.MessageType == string(routing.MessageLeadUpdate) {
		newer, err := w.first(ctx, client, job, "id > @lh_id AND args->>'messageType' = @lh_type", river.NamedArgs{"lh_id": job.ID, "lh_type": job.Args.MessageType})
		if err != nil || newer != nil {
			return 0, cmp.Or(err, errSuperseded)
		}
	}
	before, err := w.first(ctx, client, job, "id < @lh_id", river.NamedArgs{"lh_id": job.ID})
	if err != nil || before == nil {
		return 0, err
	}
	switch before.State {
	case rivertype.JobStatePending:
		return waitForRetry, nil
	case rivertype.JobStateRetryable, rivertype.JobStateScheduled:
		return min(max(time.Until(before.ScheduledAt), waitForRunning), waitForRetry), nil
	}
	return waitForRunning, nil
}

// first returns the first unfinished job of job's stream to which a condition
// applies; nil where there is none.
func (w *Worker[TTx]) first(ctx context.Context, client *river.Client[TTx], job *river.Job[Job], where string, args river.NamedArgs) (*rivertype.JobRow, error) {
	condition, value := argIs(client, "stream", job.Args.Stream)
	list, err := client.JobList(ctx, river.NewJobListParams().Kinds(job.Kind).States(unfinished...).
		Where(condition, river.NamedArgs{"lh_arg": value}).Where(where, args).First(1))
	if err != nil || len(list.Jobs) == 0 {
		return nil, err
	}
	return list.Jobs[0], nil
}

// argIs is the condition that an argument of a job is value, which is to be
// @lh_arg in it.
func argIs[TTx any](client *river.Client[TTx], key, value string) (condition, arg string) {
	if client.Driver().DatabaseName() != "postgres" {
		return "args->>'" + key + "' = @lh_arg", value
	}
	// For the index that River has on args.
	text, _ := json.Marshal(map[string]string{key: value})
	return "args @> @lh_arg::jsonb", string(text)
}
