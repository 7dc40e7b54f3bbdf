package riverqueue_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// A lead and its deliveries are stored in one transaction of the host's, and sent
// when that is committed, by this process or the next.
func ExampleQueue() {
	ctx := context.Background()
	crm := delivertest.NewReceiver() // stands in for a customer's system, on loopback
	defer crm.Close()
	endpoints := []leadhook.Endpoint{{ID: "crm", URL: crm.URL, Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "contact.email"}}}}}

	dir, err := os.MkdirTemp("", "queue")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "host.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	migrator, err := rivermigrate.New(riversqlite.New(db), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE leads (id TEXT PRIMARY KEY, email TEXT)"); err != nil {
		log.Fatal(err)
	}

	lead := mapping.Lead{"leadId": "1", "email": "jane@example.com"}
	sender := &deliver.HTTP{AllowPrivate: true} // for loopback; &deliver.HTTP{} elsewhere
	d, err := leadhook.New(sender, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := d.SetEndpoints(endpoints); err != nil {
		log.Fatal(err)
	}

	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[*sql.Tx]{
		Deliverer: sender,
		Resolve: func(_ context.Context, endpointID string) (deliver.Destination, error) {
			return d.Destination(endpointID)
		},
	})
	client, err := river.NewClient(riversqlite.New(db), &river.Config{ // riverpgxv5.New(pool) on PostgreSQL
		Workers:              workers,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 50}},
		FetchCooldown:        10 * time.Millisecond,
		FetchPollInterval:    50 * time.Millisecond, // SQLite tells nobody of a commit
		RescueStuckJobsAfter: 5 * time.Minute,       // what a killed process was sending is sent again then
	})
	if err != nil {
		log.Fatal(err)
	}
	queue, err := riverqueue.New(client, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := queue.Migrate(ctx); err != nil { // after River's own migrations
		log.Fatal(err)
	}
	if err := client.Start(ctx); err != nil {
		log.Fatal(err)
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback() // nothing to do after Commit
	if _, err := tx.Exec("INSERT INTO leads VALUES (?, ?)", lead["leadId"], lead["email"]); err != nil {
		log.Fatal(err)
	}
	deliveries, err := d.Using(queue.Tx(tx)).Dispatch(ctx, routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: lead})
	if err != nil {
		log.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(deliveries[0].EndpointID, deliveries[0].Receipt.Status)

	for len(crm.Received()) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println(string(crm.Received()[0].Body))
	if err := client.Stop(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// crm queued
	// {"messageType":"new_lead","contact":{"email":"jane@example.com"}}
}
