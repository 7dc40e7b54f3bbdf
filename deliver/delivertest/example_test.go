package delivertest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

func ExampleFake() {
	fake := &delivertest.Fake{} // accepts everything
	fake.Answers("crm", delivertest.Code(422))
	for _, id := range []string{"crm", "shop"} {
		_, err := fake.Deliver(context.Background(), &deliver.Request{EndpointID: id, Body: []byte("{}")})
		fmt.Println(id, err)
	}
	fmt.Println(len(fake.To("shop")), len(fake.Requests()))
	// Output:
	// crm deliver: rejected (field_mapping): status 422
	// shop <nil>
	// 1 2
}

func ExampleReceiver() {
	r := delivertest.NewReceiver()
	defer r.Close()
	r.Answers(delivertest.RetryAfter(429, "60"), delivertest.Answer{Body: "thank you"})
	for range 2 {
		resp, err := http.Post(r.URL+"/leads", "application/json", strings.NewReader("{}"))
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Printf("%d %q\n", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	fmt.Println(len(r.Received()), r.Received()[0].Path, string(r.Received()[0].Body))
	// Output:
	// 429 "60"
	// 200 ""
	// 2 /leads {}
}
