package sqlhistory_test

import (
	"context"
	"database/sql"
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

// What a host stores of a lead, and that it was delivered, are known together or
// not at all.
func ExampleStore_RecordTx() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	store, err := sqlhistory.New(db, sqlhistory.SQLite, &sqlhistory.Options{TablePrefix: "shop_"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.RecordTx(ctx, tx, history.Entry{ID: "1", EndpointID: "crm", Status: history.Delivered}))
	fmt.Println(tx.Rollback())
	_, err = store.Get(ctx, "1")
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// history: no such entry
}
