package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// A receiver stands in for the customers' systems: it listens on loopback and
// keeps what it gets, by path.
type receiver struct {
	URL    string
	server *http.Server

	mu   sync.Mutex
	last map[string]string
	n    int
}

func startReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{URL: "http://" + l.Addr().String(), last: make(map[string]string)}
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
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	r.last[strings.SplitN(req.URL.Path, "/", 3)[1]] = string(body)
	if req.URL.Path == "/strict" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"error":"unknown field \"firstName\"; did you mean \"first_name\"?"}`)
	}
}

// received says how many requests came, and the last body at a path.
func (r *receiver) received(path string) (n int, last string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n, r.last[path]
}
