package history_test

import (
	"context"
	"fmt"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/history"
)

func ExampleHistory() {
	fake := &delivertest.Fake{} // stands in for deliver.HTTP
	fake.Answers("crm", delivertest.Answer{Code: 422, Body: "jane@example.com is no company's address"}, delivertest.Code(200))
	build := func() *deliver.Request { // what leadhook's Dispatcher makes
		return &deliver.Request{
			ID: "new-1", EndpointID: "crm", LeadID: "1", MessageType: "new_lead",
			Body: []byte(`{"email":"jane@example.com"}`), Masked: []byte(`{"email":"***"}`), Sensitive: []string{"jane@example.com"},
		}
	}
	h, err := history.New(fake, &history.Memory{}, &history.Options{
		Rebuild: func(context.Context, history.Entry) (*deliver.Request, error) { return build(), nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = h.Deliver(context.Background(), build())
	fmt.Println(err)
	page, err := h.Store().List(context.Background(), history.Filter{EndpointID: "crm", Status: history.Failed})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := page.Entries[0]
	fmt.Println(e)
	fmt.Printf("sent %s, got back %s\n", e.Body, e.Attempts[0].Body)

	if _, err := h.Resend(context.Background(), e.ID); err != nil {
		fmt.Println(err)
		return
	}
	e, err = h.Store().Get(context.Background(), e.ID)
	fmt.Println(e, err)
	// Output:
	// deliver: rejected (field_mapping): status 422
	// new-1 for endpoint crm (lead 1, new_lead): failed (field_mapping), 1 attempts
	// sent {"email":"***"}, got back *** is no company's address
	// new-1 for endpoint crm (lead 1, new_lead): delivered, 2 attempts <nil>
}

func ExampleHistory_ResendFailed() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(401), delivertest.Code(401), delivertest.Code(200))
	h, err := history.New(fake, &history.Memory{}, &history.Options{
		Rebuild: func(_ context.Context, e history.Entry) (*deliver.Request, error) {
			return &deliver.Request{ID: e.MessageID, EndpointID: e.EndpointID}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range []string{"new-1", "new-2"} {
		_, err := h.Deliver(context.Background(), &deliver.Request{ID: id, EndpointID: "crm"})
		fmt.Println(err)
	}
	// The owner has entered the new key.
	resent, err := h.ResendFailed(context.Background(), history.Filter{EndpointID: "crm", Cause: deliver.CauseAuthentication})
	fmt.Println(len(resent), err)
	// Output:
	// deliver: rejected (authentication): status 401
	// deliver: rejected (authentication): status 401
	// 2 <nil>
}

func ExampleStore() {
	var s history.Store = &history.Memory{MaxEntries: 1000}
	n, err := s.EraseLead(context.Background(), "lead-1") // who asks to be forgotten
	fmt.Println(n, err)
	// Output: 0 <nil>
}

func ExampleFilter() {
	h, err := history.New(&delivertest.Fake{}, &history.Memory{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 5 {
		if _, err := h.Deliver(context.Background(), &deliver.Request{ID: fmt.Sprint("new-", i), EndpointID: "crm"}); err != nil {
			fmt.Println(err)
		}
	}
	f := history.Filter{EndpointID: "crm", Status: history.Delivered, Limit: 2}
	for {
		page, err := h.Store().List(context.Background(), f)
		if err != nil {
			fmt.Println(err)
			return
		}
		var ids []string
		for _, e := range page.Entries {
			ids = append(ids, e.MessageID)
		}
		fmt.Println(ids)
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	// Output:
	// [new-4 new-3]
	// [new-2 new-1]
	// [new-0]
}
