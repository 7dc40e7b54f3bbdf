package sqlhistory_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

func ExampleStore() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:") // a host gives it a file
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // in memory, each would be a database of its own
	store, err := sqlhistory.New(db, sqlhistory.SQLite, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fake := &delivertest.Fake{} // stands in for deliver.HTTP
	fake.Answers("crm", delivertest.Code(200), delivertest.Code(401), delivertest.Code(200))
	h, err := history.New(fake, store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		_, err := h.Deliver(ctx, &deliver.Request{ID: fmt.Sprint("new-", i), EndpointID: "crm", LeadID: fmt.Sprint(i), MessageType: "new_lead"})
		fmt.Println(err)
	}
	page, err := store.List(ctx, history.Filter{EndpointID: "crm", Status: history.Failed})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range page.Entries {
		fmt.Println(e)
	}
	// Output:
	// <nil>
	// deliver: rejected (authentication): status 401
	// <nil>
	// new-1 for endpoint crm (lead 1, new_lead): failed (authentication), 1 attempts
}

// What a host stores of a lead, and what became of its delivery, are known together
// or not at all.
func ExampleStore_Tx() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // while a transaction is open, it has the only one
	store, err := sqlhistory.New(db, sqlhistory.SQLite, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE leads (id TEXT PRIMARY KEY)"); err != nil {
		fmt.Println(err)
		return
	}
	take := func(leadID string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "INSERT INTO leads (id) VALUES (?)", leadID); err != nil {
			return err
		}
		var unrecorded error
		h, err := history.New(&delivertest.Fake{}, store.Tx(tx), &history.Options{ // the Fake stands in for a queue within tx
			OnError: func(_ context.Context, err error) { unrecorded = err },
		})
		if err != nil {
			return err
		}
		if _, err := h.Deliver(ctx, &deliver.Request{ID: "new-" + leadID, EndpointID: "crm", LeadID: leadID, MessageType: "new_lead"}); err != nil {
			return err
		}
		if unrecorded != nil {
			return unrecorded
		}
		if leadID == "2" {
			return errors.New("the host thinks better of it")
		}
		return tx.Commit()
	}
	fmt.Println(take("1"))
	fmt.Println(take("2"))
	page, err := store.List(ctx, history.Filter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range page.Entries {
		fmt.Println(e)
	}
	// Output:
	// <nil>
	// the host thinks better of it
	// new-1 for endpoint crm (lead 1, new_lead): delivered, 1 attempts
}
