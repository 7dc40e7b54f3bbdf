package deliver_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

const (
	ok      = "HTTP/1.1 200 OK\r\n"
	refused = "HTTP/1.1 400 Bad Request\r\n"
	busy    = "HTTP/1.1 503 Service Unavailable\r\n"
	hints   = "HTTP/1.1 103 Early Hints\r\nLink: <secret>\r\n\r\n"
	chunked = "Transfer-Encoding: chunked\r\n\r\n"
	chunk   = "6\r\nsecret\r\n"
	gzipped = "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
)

// What is wrong with an answer. With 200 it is no acceptance unless it is
// complete, or more than anybody wants to read; a refusal stands by its code.
func answering() []fault {
	return []fault{
		{"header a byte at a time", drip(ok, "X: secret\r\n"), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"status a byte at a time", drip("", ok), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"body a byte at a time", drip(ok+"Content-Length: 500\r\n\r\n", "secret"), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"chunks a byte at a time", drip(ok+chunked, chunk), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"gzip a byte at a time", drip(ok+gzipped, string(bomb())), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"trailers a byte at a time", drip(ok+chunked+"0\r\n", "X: secret\r\n"), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"1xx a byte at a time", drip("", hints), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},

		{"endless headers", flood(ok, "X: secret\r\n"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"endless headers of a refusal", flood(refused, "X: secret\r\n"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"an endless header", flood(ok+"X: ", "secret"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"an endless status", flood("HTTP/1.1 200 ", "secret"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"many tiny headers", say(ok + tiny(14<<10) + "Content-Length: 0\r\n\r\n"), "", nil, 1, ""},
		{"too many tiny headers", say(ok + tiny(20<<10) + "Content-Length: 0\r\n\r\n"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"endless 1xx", flood("", hints), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"endless 100", flood("", "HTTP/1.1 100 Continue\r\n\r\n"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"5000 times 1xx", say(strings.Repeat(hints, 5000) + ok + "\r\n"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"a few 1xx", say(strings.Repeat(hints, 20) + ok + "Content-Length: 0\r\n\r\n"), "", nil, 1, ""},

		{"an endless body", flood(ok+"\r\n", "secret"), "", nil, 1, ""},
		{"endless chunks", flood(ok+chunked, chunk), "", nil, 1, ""},
		{"an endless chunk", flood(ok+chunked+"7fffffffffffffff\r\n", "secret"), "", nil, 1, ""},
		{"an endless chunk's name", flood(ok+chunked+"6;", "secret"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"chunks of a byte", flood(ok+chunked, "1\r\ns\r\n"), "", nil, 1, ""},
		{"endless trailers", flood(ok+chunked+"0\r\n", "X: secret\r\n"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"an endless body of a refusal", flood(refused+"\r\n", "secret"), deliver.CauseFieldMapping, deliver.ErrRejected, 1, "status 400"},
		{"an endless body of a failure", flood(busy+"\r\n", "secret"), deliver.CauseHTTPStatus, deliver.ErrExhausted, 2, "status 503"},
		{"a gzip bomb", say(ok + gzipped + string(bomb())), "", nil, 1, ""},
		{"a gzip bomb that is a refusal", say(refused + gzipped + string(bomb())), deliver.CauseFieldMapping, deliver.ErrRejected, 1, ""},
		{"an endless gzip name", flood(ok+gzipped+"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x00", "secret"), "", nil, 1, ""},
		{"endless empty gzip", flood(ok+gzipped, string(compress(nil))), "", nil, 1, ""},

		{"a truncated chunk", cut(ok + chunked + "ff\r\nsecret"), deliver.CauseConnection, deliver.ErrExhausted, 2, "ended before it was complete"},
		{"chunks without the last", cut(ok + chunked + chunk), deliver.CauseConnection, deliver.ErrExhausted, 2, "ended before it was complete"},
		{"a truncated refusal", cut(refused + chunked + "ff\r\nsecret"), deliver.CauseFieldMapping, deliver.ErrRejected, 1, "status 400"},
		{"a truncated header", cut(ok + "X: secret"), deliver.CauseConnection, deliver.ErrExhausted, 2, "ended before it was complete"},
		{"truncated gzip", cut(ok + gzipped + string(compress([]byte("secret"))[:15])), deliver.CauseConnection, deliver.ErrExhausted, 2, "ended before it was complete"},
		{"a Content-Length that is too long", cut(ok + "Content-Length: 500\r\n\r\nsecret"), deliver.CauseConnection, deliver.ErrExhausted, 2, "ended before it was complete"},
		{"a Content-Length that is too long, and nobody closes", say(ok + "Content-Length: 500\r\n\r\nsecret"), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"a Content-Length that is too short", say(ok + "Content-Length: 2\r\n\r\nsecret"), "", nil, 1, ""},
		{"a Content-Length beyond a number", say(ok + "Content-Length: 99999999999999999999\r\n\r\nsecret"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"a Content-Length below zero", say(ok + "Content-Length: -1\r\n\r\nsecret"), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"a huge Content-Length", say(ok + "Content-Length: 9223372036854775807\r\n\r\n" + strings.Repeat("secret", 10_000)), "", nil, 1, ""},
		{"an answer that comes before the request was read", largeTo(func(_ *scene, c net.Conn) {
			c.Read(make([]byte, 1))
			io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
			time.Sleep(10 * quick) // whoever waits for the rest shall find that it went wrong
		}), deliver.CauseAuthentication, deliver.ErrRejected, -2, "status 401"},
	}
}

// say answers each request with the same, and leaves the connection open.
func say(answer string) func(*scene) {
	return peer(func(s *scene, c net.Conn) {
		if s.request(c) {
			io.WriteString(c, answer)
			hold(c)
		}
	})
}

// cut answers and closes the connection.
func cut(answer string) func(*scene) {
	return peer(func(s *scene, c net.Conn) {
		if s.request(c) {
			io.WriteString(c, answer)
		}
	})
}

// flood answers and goes on for as long as anybody reads.
func flood(head, again string) func(*scene) {
	more := bytes.Repeat([]byte(again), 1+(16<<10)/len(again))
	return peer(func(s *scene, c net.Conn) {
		if !s.request(c) {
			return
		}
		io.WriteString(c, head)
		for {
			if _, err := c.Write(more); err != nil {
				return
			}
		}
	})
}

// drip answers and goes on a byte at a time. The bytes would take long.
func drip(head, again string) func(*scene) {
	return peer(func(s *scene, c net.Conn) {
		if !s.request(c) {
			return
		}
		io.WriteString(c, head)
		for i := 0; ; i++ {
			if _, err := c.Write([]byte{again[i%len(again)]}); err != nil {
				return
			}
			time.Sleep(quick / 20)
		}
	})
}

// tiny is n bytes of headers, each with a name of its own.
func tiny(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x:\r\n", i)
	}
	return b.String()
}

func compress(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// bomb is a megabyte of gzip that inflates to a gigabyte.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	megabyte := make([]byte, 1<<20)
	z.Write(megabyte)
	z.Flush()
	first := b.Len()
	z.Write(megabyte)
	z.Flush()
	// From the second on, a flushed megabyte of zeros is the same bytes again:
	// what it refers to is zeros too.
	return slices.Concat(b.Bytes(), bytes.Repeat(b.Bytes()[first:], 1022))
})

// redirects lead to an endpoint that must never be asked, or to addresses that
// must never be dialled.
func redirects() (faults []fault) {
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308} {
		to := func(proves, location string) {
			faults = append(faults, fault{fmt.Sprintf("%d %s", code, proves), func(s *scene) {
				r, elsewhere := receiver(s.T), receiver(s.T)
				r.Answers(delivertest.Redirect(code, strings.ReplaceAll(location, "ELSEWHERE", elsewhere.URL)))
				s.fence(r.URL)
				s.req.Destination.URL = r.URL
				s.after = append(s.after, func(error) {
					assert.Zero(s, elsewhere.Connections(), "nobody asks where it leads")
					assert.Len(s, r.Received(), 1)
				})
			}, deliver.CauseRedirect, deliver.ErrRejected, 1, fmt.Sprintf("status %d: redirected", code)})
		}
		to("to another endpoint", "ELSEWHERE/new?key=secret")
		to("to itself", "/")
		to("to another scheme", "file:///etc/passwd")
		to("to a private address", "http://10.0.0.1/new")
		to("to cloud metadata", "http://169.254.169.254/latest/meta-data/")
		to("to loopback in IPv6", "http://[::1]:9/")
		to("to nowhere", "://")
		to("without Location", "")
	}
	return faults
}
