package riverqueue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// A deliverFunc is a Deliverer.
type deliverFunc func(context.Context, *deliver.Request) (*deliver.Receipt, error)

func (f deliverFunc) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	return f(ctx, req)
}

var accepted = &deliver.Receipt{Status: deliver.Delivered}

// short is a schedule for tests.
func short(string) []time.Duration { return []time.Duration{0, time.Millisecond, time.Millisecond} }

func (l *lab) jobs() []*rivertype.JobRow {
	list, err := l.client.JobList(context.Background(), river.NewJobListParams().First(10_000))
	require.NoError(l.t, err)
	return list.Jobs
}

// settled waits until no job is left that may still be sent.
func (l *lab) settled(within time.Duration) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		for _, job := range l.jobs() {
			switch job.State {
			case rivertype.JobStateCompleted, rivertype.JobStateCancelled, rivertype.JobStateDiscarded:
			default:
				return false
			}
		}
		return true
	}, within, 10*time.Millisecond)
}

func (l *lab) deliver(reqs ...*deliver.Request) {
	l.t.Helper()
	for _, req := range reqs {
		receipt, err := l.queue.Deliver(l.t.Context(), req)
		require.NoError(l.t, err)
		require.Equal(l.t, deliver.Queued, receipt.Status)
	}
}

func TestVerdictsBecomeRivers(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		rejected := &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseGone}
		exhausted := &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseTimeout}
		wait := &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseRateLimited, RetryAfter: time.Hour}
		for _, c := range []struct {
			proves  string
			err     *deliver.Error
			state   rivertype.JobState
			attempt int
		}{
			{"accepted", nil, rivertype.JobStateCompleted, 1},
			{"rejected", rejected, rivertype.JobStateCancelled, 1},
			{"exhausted", exhausted, rivertype.JobStateDiscarded, 3},
			{"Retry-After uses up no attempt", wait, rivertype.JobStateScheduled, 0},
		} {
			t.Run(c.proves, func(t *testing.T) {
				var ids []string
				var mu sync.Mutex
				l := newLab(t, open, func(l *lab) {
					l.schedule = short
					l.deliverer = deliverFunc(func(_ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
						mu.Lock()
						defer mu.Unlock()
						ids = append(ids, req.ID)
						assert.Equal(t, 1, req.Destination.MaxAttempts, "the schedule makes attempts")
						if c.err == nil {
							return accepted, nil
						}
						return nil, c.err
					})
				})
				l.start()
				l.deliver(request("crm", "1", "new_lead"))
				require.Eventually(t, func() bool {
					jobs := l.jobs()
					return len(jobs) == 1 && jobs[0].State == c.state
				}, 20*time.Second, 10*time.Millisecond)
				job := l.jobs()[0]
				assert.Equal(t, c.attempt, job.Attempt)
				assert.Equal(t, 3, job.MaxAttempts)
				mu.Lock()
				defer mu.Unlock()
				for _, id := range ids {
					assert.Equal(t, "new_lead-1", id, "the same on all attempts")
				}
				if c.state == rivertype.JobStateScheduled {
					assert.WithinDuration(t, time.Now().Add(time.Hour), job.ScheduledAt, 10*time.Second)
				}
			})
		}
	})
}

func TestAMessageIsStoredOnceForAnEndpoint(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		for range 3 {
			l.deliver(request("crm", "1", "new_lead"), request("crm", "1", "lead_update"), request("erp", "1", "new_lead"))
		}
		assert.Len(t, l.jobs(), 3)
		l.start()
		l.settled(20 * time.Second)
		l.deliver(request("crm", "1", "new_lead")) // sent already
		assert.Len(t, l.fake.Requests(), 3)
		assert.Len(t, l.jobs(), 3)
	})
}

// A body that is too long costs its own endpoint only.
func TestABodyThatIsTooLongIsRefused(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		req := request("crm", "1", "new_lead")
		req.Body = make([]byte, riverqueue.MaxBody+1)
		_, err := l.queue.Deliver(t.Context(), req)
		require.ErrorIs(t, err, deliver.ErrRejected)
		assert.ErrorContains(t, err, "262145 bytes")
		_, err = l.queue.DeliverBatch(t.Context(), []*deliver.Request{request("erp", "1", "new_lead"), req})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		assert.Empty(t, l.jobs(), "all are stored, or none")
		req.Body = req.Body[1:]
		l.deliver(req)
	})
}

func TestOneLongBodyOfAMessage(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		d, err := leadhook.New(l.queue, nil)
		require.NoError(t, err)
		short := mapping.Mapping{Rules: []mapping.Rule{{Field: mapping.FieldLeadID, Name: "id"}}}
		long := mapping.Mapping{Rules: []mapping.Rule{{Field: mapping.FieldMessage, Name: "text"}}}
		require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{
			{ID: "a", URL: "https://a.example.com", Mapping: short}, {ID: "b", URL: "https://b.example.com", Mapping: long}, {ID: "c", URL: "https://c.example.com", Mapping: short},
		}))
		lead := mapping.Lead{mapping.FieldLeadID: "1", mapping.FieldMessage: strings.Repeat("x", riverqueue.MaxBody)}
		deliveries, err := d.Dispatch(t.Context(), routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: lead})
		require.ErrorIs(t, err, deliver.ErrRejected)
		for i, ok := range []bool{true, false, true} {
			assert.Equal(t, ok, deliveries[i].Err == nil, deliveries[i])
		}
		assert.Len(t, l.jobs(), 2)
	})
}

func TestABatchThatRepeatsItself(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		receipts, err := l.queue.DeliverBatch(t.Context(), []*deliver.Request{request("crm", "1", "new_lead"), request("crm", "1", "new_lead")})
		require.NoError(t, err)
		assert.Len(t, receipts, 2)
		assert.Len(t, l.jobs(), 1)
	})
}

// One that takes no batches around a transaction's queue stores from many
// goroutines.
func TestATransactionIsForOneAtATime(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		var reqs []*deliver.Request
		for i := range 10 {
			reqs = append(reqs, request(fmt.Sprint("e", i), "1", "new_lead"))
		}
		require.NoError(t, l.queue.within(true, reqs...))
		assert.Len(t, l.jobs(), 10)
	})
}

// The first wait of a schedule is one, too.
func TestTheFirstWait(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, func(l *lab) {
			l.schedule = func(string) []time.Duration { return []time.Duration{time.Hour, time.Hour} }
		})
		l.deliver(request("crm", "1", "new_lead"))
		assert.Equal(t, rivertype.JobStateScheduled, l.jobs()[0].State)
		assert.WithinDuration(t, time.Now().Add(time.Hour), l.jobs()[0].ScheduledAt, 13*time.Minute)
	})
}

func TestOptionsThatRiverRefuses(t *testing.T) {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{})
	require.NoError(t, err)
	_, err = riverqueue.New(client, &riverqueue.Options{Priority: 5})
	assert.ErrorContains(t, err, "priority")
	_, err = riverqueue.New[pgx.Tx](nil, nil)
	assert.Error(t, err)
}

func TestAJobHoldsNothingOfTheDestination(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		req := request("crm", "1", "new_lead")
		req.Destination.Header = map[string][]string{"Authorization": {"Bearer t0ken"}}
		l.deliver(req)
		args := string(l.jobs()[0].EncodedArgs)
		for _, secret := range []string{"old.example.com", "t0ken", "Authorization", req.Destination.Secrets[0]} {
			assert.NotContains(t, args, secret)
		}
	})
}

func TestADeletedEndpointCancelsWhatWaits(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, func(l *lab) {
			l.resolve = func(context.Context, string) (deliver.Destination, error) {
				return deliver.Destination{}, fmt.Errorf("of the host: %w", deliver.ErrUnknownEndpoint)
			}
		})
		l.start()
		l.deliver(request("crm", "1", "new_lead"))
		l.settled(20 * time.Second)
		job := l.jobs()[0]
		assert.Equal(t, rivertype.JobStateCancelled, job.State)
		require.Len(t, job.Errors, 1)
		assert.Contains(t, job.Errors[0].Error, "unknown endpoint")
	})
}

func TestAHostThatCannotResolveUsesUpNoAttempt(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		failed := errors.New("the host's database is away")
		var told error
		var mu sync.Mutex
		l := newLab(t, open, func(l *lab) {
			l.resolve = func(context.Context, string) (deliver.Destination, error) { return deliver.Destination{}, failed }
			l.onError = func(_ context.Context, err error) {
				mu.Lock()
				defer mu.Unlock()
				if !errors.Is(err, riverqueue.ErrNoIndex) {
					told = err
				}
			}
		})
		l.start()
		l.deliver(request("crm", "1", "new_lead"))
		require.Eventually(t, func() bool { return l.jobs()[0].State == rivertype.JobStateScheduled }, 20*time.Second, 10*time.Millisecond)
		assert.Equal(t, 0, l.jobs()[0].Attempt)
		mu.Lock()
		defer mu.Unlock()
		assert.ErrorIs(t, told, failed)
	})
}

// An update is never sent before its new lead was settled, whatever fails, and
// other leads do not wait.
func TestOrderOfALead(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		const leads = 60
		var mu sync.Mutex
		settled := make(map[string]bool)
		tries := make(map[string]int)
		sent := make(map[string]bool)
		l := newLab(t, open, func(l *lab) {
			l.schedule = short
			l.deliverer = deliverFunc(func(_ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
				mu.Lock()
				defer mu.Unlock()
				if req.MessageType == "lead_update" {
					sent[req.LeadID] = true
					assert.True(t, settled[req.LeadID], "the update of lead %s overtakes it", req.LeadID)
					return accepted, nil
				}
				tries[req.LeadID]++
				switch rand.IntN(3) {
				case 0:
					settled[req.LeadID] = tries[req.LeadID] == 3
					return nil, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseTimeout}
				case 1:
					settled[req.LeadID] = true
					return nil, &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseGone}
				}
				settled[req.LeadID] = true
				return accepted, nil
			})
		})
		l.start()
		for i := range leads {
			id := fmt.Sprint(i)
			l.deliver(request("crm", id, "new_lead"), request("crm", id, "lead_update"))
		}
		l.settled(60 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		assert.Len(t, sent, leads)
	})
}

func TestANewerUpdateReplacesAnOlderOne(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, func(l *lab) { l.supersede = true })
		for i := range 3 {
			req := request("crm", "1", "lead_update")
			req.ID += fmt.Sprint(i)
			l.deliver(req)
		}
		l.start()
		l.settled(20 * time.Second)
		require.Len(t, l.fake.Requests(), 1)
		assert.True(t, strings.HasSuffix(l.fake.Requests()[0].ID, "2"))
	})
}

func TestAHeldEndpointKeepsItsJobs(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		var mu sync.Mutex
		held := true
		l := newLab(t, open, func(l *lab) {
			resolve := l.resolve
			l.resolve = func(ctx context.Context, id string) (deliver.Destination, error) {
				to, err := resolve(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				to.Held = held && id == "crm"
				return to, err
			}
		})
		l.start()
		l.deliver(request("crm", "before", "new_lead")) // stored before the endpoint was held
		for i := range 5 {
			req := request("crm", fmt.Sprint(i), "new_lead")
			req.Destination.Held = true
			l.deliver(req, request("erp", fmt.Sprint(i), "new_lead"))
		}
		require.Eventually(t, func() bool { return len(l.fake.To("erp")) == 5 }, 20*time.Second, 10*time.Millisecond)
		require.Eventually(t, func() bool {
			n, err := l.queue.Held(t.Context(), "crm")
			require.NoError(t, err)
			return n == 6
		}, 20*time.Second, 10*time.Millisecond)
		for _, job := range l.jobs() {
			if strings.Contains(string(job.EncodedArgs), `"crm/`) {
				assert.Equal(t, 0, job.Attempt)
			}
		}
		assert.Empty(t, l.fake.To("crm"))

		n, err := l.queue.Discard(t.Context(), "erp")
		require.NoError(t, err)
		assert.Equal(t, 0, n, "nothing is held there")
		mu.Lock()
		held = false
		mu.Unlock()
		n, err = l.queue.Release(t.Context(), "crm")
		require.NoError(t, err)
		assert.Equal(t, 6, n)
		l.settled(20 * time.Second)
		assert.Len(t, l.fake.To("crm"), 6)
	})
}

func TestWhatIsHeldCanBeDiscarded(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		req := request("crm", "1", "new_lead")
		req.Destination.Held = true
		l.deliver(req)
		n, err := l.queue.Discard(t.Context(), "crm")
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		assert.Equal(t, rivertype.JobStateCancelled, l.jobs()[0].State)
	})
}

// A slow endpoint never has more than its share of the workers, so that a healthy
// one's jobs go out while hundreds wait.
func TestASlowEndpointLeavesWorkersToTheOthers(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		var mu sync.Mutex
		atATime, most, healthy := 0, 0, 0
		release := make(chan struct{})
		l := newLab(t, open, func(l *lab) {
			l.deliverer = deliverFunc(func(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
				mu.Lock()
				defer mu.Unlock()
				if req.EndpointID == "healthy" {
					healthy++
					return accepted, nil
				}
				atATime++
				most = max(most, atATime)
				mu.Unlock()
				select {
				case <-release:
				case <-ctx.Done():
				}
				mu.Lock()
				atATime--
				return accepted, nil
			})
		})
		var slow []*deliver.Request
		for i := range 300 {
			slow = append(slow, request("slow", fmt.Sprint(i), "new_lead"))
		}
		_, err := l.queue.DeliverBatch(t.Context(), slow)
		require.NoError(t, err)
		l.start()
		for i := range 20 {
			l.deliver(request("healthy", fmt.Sprint(i), "new_lead"))
		}
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return healthy == 20 }, 30*time.Second, 10*time.Millisecond)
		mu.Lock()
		assert.Equal(t, 4, most)
		mu.Unlock()
		close(release)
	})
}

func TestAWorkerWithoutResolveIsTold(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		told := make(chan error, 100)
		l := newLab(t, open, func(l *lab) {
			l.resolve = nil
			l.onError = func(_ context.Context, err error) {
				if !errors.Is(err, riverqueue.ErrNoIndex) {
					told <- err
				}
			}
		})
		l.start()
		l.deliver(request("crm", "1", "new_lead"))
		assert.ErrorContains(t, <-told, "no Resolve")
		assert.Empty(t, l.fake.Requests())
	})
}

func TestLimitsThatAreNoneAreTold(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		var told error
		var mu sync.Mutex
		l := newLab(t, open, func(l *lab) {
			l.limits.Rate = -1
			l.onError = func(_ context.Context, err error) {
				mu.Lock()
				defer mu.Unlock()
				if !errors.Is(err, riverqueue.ErrNoIndex) {
					told = err
				}
			}
		})
		l.start()
		l.deliver(request("crm", "1", "new_lead"))
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return told != nil }, 20*time.Second, 10*time.Millisecond)
		assert.ErrorContains(t, told, "rate")
		assert.Empty(t, l.fake.Requests())
	})
}

// What takes longer than River lets a job take uses up attempts, and does not
// begin again for ever.
func TestAJobThatTakesTooLongIsAnAttempt(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, func(l *lab) {
			l.schedule = short
			l.deliverer = deliverFunc(func(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
				<-ctx.Done()
				return nil, &deliver.Error{Kind: ctx.Err(), Cause: deliver.CauseCanceled}
			})
			l.jobTimeout = 500 * time.Millisecond
		})
		l.start()
		l.deliver(request("crm", "1", "new_lead"))
		l.settled(30 * time.Second)
		assert.Equal(t, rivertype.JobStateDiscarded, l.jobs()[0].State)
	})
}

// A deliverer that gives up by itself uses up attempts.
func TestADeadlineOfTheDeliverersOwn(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, func(l *lab) {
			l.schedule = short
			l.deliverer = deliverFunc(func(context.Context, *deliver.Request) (*deliver.Receipt, error) {
				return nil, &deliver.Error{Kind: context.DeadlineExceeded, Cause: deliver.CauseCanceled}
			})
		})
		l.start()
		l.deliver(request("crm", "1", "new_lead"))
		l.settled(20 * time.Second)
		assert.Equal(t, rivertype.JobStateDiscarded, l.jobs()[0].State)
	})
}

// What was decided when the client stopped stays so; what was not goes on later.
func TestAVerdictWhenTheClientStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	job := &river.Job[riverqueue.Job]{JobRow: &rivertype.JobRow{}}
	assert.NoError(t, riverqueue.Verdict(ctx, job, nil))
	var canceled *rivertype.JobCancelError
	assert.ErrorAs(t, riverqueue.Verdict(ctx, job, &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseGone}), &canceled)
	var snooze *rivertype.JobSnoozeError
	require.ErrorAs(t, riverqueue.Verdict(ctx, job, &deliver.Error{Kind: context.Canceled, Cause: deliver.CauseCanceled}), &snooze)
	assert.Zero(t, snooze.Duration)
}

// An endpoint that asks to wait again and again is not waited for without end.
func TestPatienceEnds(t *testing.T) {
	wait := &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseRateLimited, RetryAfter: time.Hour}
	for age, snoozed := range map[time.Duration]bool{time.Hour: true, 6 * 24 * time.Hour: true, 8 * 24 * time.Hour: false} {
		job := &river.Job[riverqueue.Job]{JobRow: &rivertype.JobRow{CreatedAt: time.Now().Add(-age), Metadata: []byte(`{"snoozes":100}`)}}
		var snooze *rivertype.JobSnoozeError
		err := riverqueue.Verdict(t.Context(), job, wait)
		assert.Equal(t, snoozed, errors.As(err, &snooze), age)
		if !snoozed {
			assert.ErrorIs(t, err, wait, "an attempt like others")
		}
	}
}

func TestTheMaskedBodyComesAlong(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		for proves, masked := range map[string]string{"another": `{"id":"***"}`, "the body": `{"id":"1"}`, "none": ""} {
			l := newLab(t, open, nil)
			l.start()
			req := request("crm", "1", "new_lead")
			req.Masked, req.Sensitive = []byte(masked), []string{"1"}
			l.deliver(req)
			l.settled(20 * time.Second)
			require.Len(t, l.fake.Requests(), 1)
			assert.Equal(t, masked, string(l.fake.Requests()[0].Masked), proves)
			assert.Equal(t, []string{"1"}, l.fake.Requests()[0].Sensitive)
		}
	})
}
