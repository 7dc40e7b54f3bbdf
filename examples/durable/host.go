package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/riverqueue"
)

// A host takes leads and tells endpoints of them.
type host[TTx any] struct {
	db         *database[TTx]
	endpoints  []leadhook.Endpoint
	dispatcher *leadhook.Dispatcher // sends at once; leads go through queue
	queue      *riverqueue.Queue[TTx]
	client     *river.Client[TTx]
}

// newHost puts a host together; nothing of it runs yet but the tables are there.
func newHost[TTx any](ctx context.Context, db *database[TTx], endpoints []leadhook.Endpoint, s settings) (*host[TTx], error) {
	if err := db.migrate(ctx); err != nil {
		return nil, err
	}
	sender := &deliver.HTTP{AllowPrivate: s.private, Observe: logAttempt}
	// That a lead was delivered, and that its job is done, are noted together.
	store := &riverqueue.Store[TTx]{Store: db.history, Tx: db.historyTx}
	recorded, err := history.New(sender, store, &history.Options{OnError: logError})
	if err != nil {
		return nil, err
	}
	h := &host[TTx]{db: db, endpoints: endpoints}
	if h.dispatcher, err = leadhook.New(recorded, nil); err != nil {
		return nil, err
	}
	if err := h.dispatcher.SetEndpoints(endpoints); err != nil {
		return nil, err
	}

	// A job that runs for longer than jobTimeout is ended; it must not be rescued
	// before, and its endpoint's timeout must be over.
	jobTimeout := s.rescue / 2
	for _, e := range endpoints {
		if timeout := cmp.Or(e.Timeout, 15*time.Second); timeout >= jobTimeout {
			return nil, fmt.Errorf("endpoint %q: its timeout of %v must be below half of -rescue, which is %v", e.ID, timeout, jobTimeout)
		}
	}
	var schedule func(string) []time.Duration
	if s.retry > 0 {
		schedule = func(string) []time.Duration {
			return append([]time.Duration{0}, slices.Repeat([]time.Duration{s.retry}, 19)...)
		}
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[TTx]{
		Deliverer: recorded,
		Resolve: func(_ context.Context, endpointID string) (deliver.Destination, error) {
			return h.dispatcher.Destination(endpointID)
		},
		Schedule: schedule,
		OnError:  logError,
	})
	config := &river.Config{
		Workers:              workers,
		FetchCooldown:        10 * time.Millisecond,
		FetchPollInterval:    db.poll,
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: s.rescue,
		Logger:               slog.Default(),
	}
	if s.workers > 0 {
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.workers}}
	}
	if h.client, err = river.NewClient(db.driver, config); err != nil {
		return nil, err
	}
	if h.queue, err = riverqueue.New(h.client, &riverqueue.Options{Schedule: schedule}); err != nil {
		return nil, err
	}
	return h, h.queue.Migrate(ctx)
}

func logAttempt(ctx context.Context, req *deliver.Request, a deliver.Attempt) {
	level := slog.LevelInfo
	if a.Cause != "" {
		level = slog.LevelWarn
	}
	slog.Log(ctx, level, "sent", "endpoint", req.EndpointID, "lead", req.LeadID, "message", req.MessageType, "attempt", a)
}

func logError(ctx context.Context, err error) { slog.ErrorContext(ctx, err.Error()) }

// serve runs a host until ctx ends.
func serve[TTx any](ctx context.Context, out io.Writer, db *database[TTx], s settings) error {
	defer db.close()
	endpoints, closeDemo, err := endpointsOf(&s)
	if err != nil {
		return err
	}
	defer closeDemo()
	h, err := newHost(ctx, db, endpoints, s)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 2 * time.Minute}
	if s.workers > 0 {
		// Not with ctx: that would end what is under way.
		if err := h.client.Start(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(out, "taking leads at http://%s/leads\n", listener.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, h.stop(server))
}

// stop lets what is under way come to its end. What takes too long is cancelled,
// and goes on elsewhere: nothing is lost by it.
func (h *host[TTx]) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if stopErr := h.client.Stop(ctx); stopErr != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, h.client.StopAndCancel(ctx))
	}
	return err
}
