package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// A receiver stands in for the customers' systems: it listens on loopback and
// keeps what it gets.
type receiver struct {
	URL    string
	server *http.Server

	mu       sync.Mutex
	requests []received
}

// received is one request as it arrived.
type received struct {
	endpoint string // first part of the path
	header   http.Header
	body     string
}

func startReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{URL: "http://" + l.Addr().String()}
	r.server = &http.Server{Handler: r}
	go r.server.Serve(l)
	return r, nil
}

func (r *receiver) Close() { r.server.Close() }

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return
	}
	endpoint, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, received{endpoint, req.Header.Clone(), string(body)})
	if endpoint == "strict" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"error":"unknown field \"firstName\"; did you mean \"first_name\"?"}`)
	}
}

// find returns the last request for an endpoint about one of these messages.
func (r *receiver) find(endpoint string, ids ...string) (found received, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range r.requests {
		for _, id := range ids {
			if request.endpoint == endpoint && request.header.Get("Webhook-Id") == id {
				found, ok = request, true
			}
		}
	}
	return found, ok
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}
