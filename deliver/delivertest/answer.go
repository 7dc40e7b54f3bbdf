package delivertest

import (
	"net/http"
	"time"
)

// An Answer is what an endpoint does with one exchange. The zero value is a 200
// without a body.
type Answer struct {
	Code   int           // status; 0 means 200
	Header http.Header   // such as Location or Retry-After
	Body   string        // of the answer
	Delay  time.Duration // before anything is answered
	Reset  bool          // the connection is reset instead

	// Drip and Bomb are for a Receiver. A Fake has no bytes to send slowly.
	Drip time.Duration // before each byte of the body
	Bomb int64         // this many zero bytes behind the body, gzipped
}

// Code is the answer of a status code.
func Code(code int) Answer { return Answer{Code: code} }

// RetryAfter is the answer of a status code that asks for a wait.
func RetryAfter(code int, wait string) Answer {
	return Answer{Code: code, Header: http.Header{"Retry-After": {wait}}}
}

// Redirect is the answer of a status code that leads elsewhere.
func Redirect(code int, location string) Answer {
	return Answer{Code: code, Header: http.Header{"Location": {location}}}
}

func (a Answer) code() int {
	if a.Code == 0 {
		return http.StatusOK
	}
	return a.Code
}

// A script is the answers that an endpoint gives, one after the other. The last
// one repeats; none means Answer{}.
type script []Answer

func (s script) answer(exchange int) Answer {
	if len(s) == 0 {
		return Answer{}
	}
	return s[min(exchange, len(s)-1)]
}
