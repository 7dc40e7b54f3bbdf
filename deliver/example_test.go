package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

func ExampleHTTP() {
	crm := delivertest.NewReceiver() // stands in for a customer's system
	defer crm.Close()
	crm.Answers(delivertest.Code(503), delivertest.Code(201))

	h := &deliver.HTTP{
		AllowPrivate: true, // the receiver is on loopback
		Backoff:      func(int) time.Duration { return time.Millisecond },
		Observe: func(_ context.Context, req *deliver.Request, a deliver.Attempt) {
			fmt.Printf("%s attempt %d: status %d, cause %q\n", req.ID, a.Number, a.StatusCode, a.Cause)
		},
	}
	receipt, err := h.Deliver(context.Background(), &deliver.Request{
		ID: "msg_1", EndpointID: "crm", ContentType: "application/json", Body: []byte(`{}`),
		Destination: deliver.Destination{URL: crm.URL},
	})
	fmt.Println(receipt.Status, len(receipt.Attempts), err)
	// Output:
	// msg_1 attempt 1: status 503, cause "http_status"
	// msg_1 attempt 2: status 201, cause ""
	// delivered 2 <nil>
}

func ExampleError() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.RetryAfter(429, "120"))
	_, err := fake.Deliver(context.Background(), &deliver.Request{EndpointID: "crm"})
	var failure *deliver.Error
	switch {
	case errors.Is(err, deliver.ErrRejected):
		fmt.Println("do not send it again")
	case errors.Is(err, deliver.ErrExhausted) && errors.As(err, &failure):
		fmt.Println("keep the lead for", failure.RetryAfter)
		fmt.Println(failure.Cause.Remedy())
	}
	// Output:
	// keep the lead for 2m0s
	// Raise the endpoint's rate limit, or send to it less often.
}

func ExampleCause_Remedy() {
	fmt.Println(deliver.CauseRedirect.Remedy())
	// Output: Enter the URL that the endpoint redirects to; redirects are not followed, since the lead would be lost on the way.
}

func ExampleDestination_Validate() {
	d := deliver.Destination{
		URL:     "https://user:password@example.com/leads",
		Header:  http.Header{"Host": {"example.com"}},
		Secrets: []string{"whsec_c2hvcnQ="},
	}
	fmt.Println(d.Validate())
	fmt.Println(d)
	// Output:
	// url: it has a user name in it; send an Authorization header instead
	// headers."Host": it is set for each request; remove it here
	// secrets[0]: a whsec_ secret has 24 to 64 bytes, this has 5
	// nowhere (headers [Host], 1 secrets, timeout 15s, 4 attempts)
}

func ExampleCheckAddress() {
	for _, a := range []string{"8.8.8.8", "127.0.0.1", "169.254.169.254", "2002:7f00:1::"} {
		fmt.Println(deliver.CheckAddress(netip.MustParseAddr(a)))
	}
	// Output:
	// <nil>
	// address 127.0.0.1 is blocked: it is not public; AllowPrivate, of HTTP or of the Transport that it is given, allows it for development
	// address 169.254.169.254 is blocked: it is a cloud platform's own
	// address 2002:7f00:1:: is blocked: it is not public
}

func ExampleJudge() {
	for _, code := range []int{200, 204, 302, 422, 503} {
		cause, verdict := deliver.Judge(code, nil)
		fmt.Println(code, cause, verdict)
	}
	// Output:
	// 200  <nil>
	// 204 http_status rejected
	// 302 redirect rejected
	// 422 field_mapping rejected
	// 503 http_status attempts exhausted
}

func ExampleRequest() {
	req := deliver.Request{
		ID: "msg_1", EndpointID: "crm", LeadID: "lead-1", MessageType: "new_lead", ContentType: "application/json",
		Body: []byte(`{"email":"jane@example.com"}`), Destination: deliver.Destination{URL: "https://crm.example.com/leads?key=secret"},
	}
	fmt.Println(req) // shows neither the body nor the key
	// Output: request msg_1 for endpoint crm (lead lead-1, new_lead, application/json, 28 bytes) to https://crm.example.com (headers [], 0 secrets, timeout 15s, 4 attempts)
}

// A Deliverer around another: here one that logs.
type logged struct{ deliver.Deliverer }

func (l logged) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	receipt, err := l.Deliverer.Deliver(ctx, req)
	fmt.Println(req.EndpointID, receipt != nil, err)
	return receipt, err
}

func ExampleDeliverer() {
	var d deliver.Deliverer = logged{&delivertest.Fake{}}
	receipt, err := d.Deliver(context.Background(), &deliver.Request{ID: "msg_1", EndpointID: "crm"})
	fmt.Println(receipt.Status, err)
	// Output:
	// crm true <nil>
	// delivered <nil>
}

func ExampleAttempt() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(503), delivertest.Code(200))
	receipt, err := fake.Deliver(context.Background(), &deliver.Request{EndpointID: "crm"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range receipt.Attempts {
		fmt.Println(a.Number, a.StatusCode, a.Cause == deliver.CauseHTTPStatus)
	}
	// Output:
	// 1 503 true
	// 2 200 false
}

func ExampleSettingError() {
	err := deliver.Destination{URL: "crm.example.com"}.Validate()
	var fault *deliver.SettingError
	if errors.As(err, &fault) {
		fmt.Println(fault.Setting, "→", fault.Err)
	}
	// Output: url → it must start with https:// or http://
}

// A receiver verifies with any library of Standard Webhooks; what it takes is in
// three headers.
func ExampleRequest_Sign() {
	req := deliver.Request{
		ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Body: []byte(`{"test": 2432232314}`),
		Destination: deliver.Destination{Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
	}
	h := http.Header{}
	if err := req.Sign(h, time.Unix(1614265330, 0)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Get("webhook-id"), h.Get("webhook-timestamp"))
	fmt.Println(h.Get("webhook-signature"))
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek 1614265330
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

func ExampleLimits() {
	l := deliver.Limits{Concurrency: 2, Rate: 0.5} // two at a time, one begun every two seconds
	fmt.Println(l.Validate())
	fmt.Println(deliver.Limits{Burst: -1}.Validate())
	// Output:
	// <nil>
	// limits.burst: it is -1; 0 means the rate, rounded up
}

func ExampleReceipt() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Answer{Code: 409, Body: `{"lead":{"id":"L-17"}}`})
	receipt, err := fake.Deliver(context.Background(), &deliver.Request{EndpointID: "crm", Destination: deliver.Destination{
		Outcomes: []deliver.OutcomeRule{{Statuses: []int{409}, Verdict: deliver.VerdictDuplicate, ReferencePath: "lead.id"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Status, receipt.Duplicate, receipt.Reference)
	// Output: delivered true L-17
}
