package deliver_test

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

const hour = time.Hour

// Whole seconds or a date in any of three forms is a wait, and anything else is
// none (RFC 9110 §10.2.3). All of the waits but one are beyond MaxWait, and come
// back at once.
func retryAfters() []fault {
	return []fault{
		asks("whole seconds", 503, "3600", hour),
		asks("whole seconds of 429", 429, "3600", hour),
		asks("leading zeros", 503, "0003600", hour),
		asks("a date", 503, in(hour, http.TimeFormat), hour),
		asks("a date of RFC 850", 503, in(hour, "Monday, 02-Jan-06 15:04:05 GMT"), hour),
		asks("a date of asctime", 503, in(hour, time.ANSIC), hour),
		asks("as much as a Duration holds", 503, "9223372036", 9223372036*time.Second),
		asks("more than a Duration holds", 503, "9223372037", math.MaxInt64),
		asks("what go-retryablehttp overflows at", 429, "1743442000", 1743442000*time.Second),
		asks("more than an int64 holds", 503, "9223372036854775808", math.MaxInt64),
		asks("more than a uint64 holds", 429, "99999999999999999999999999", math.MaxInt64),
		asks("a date that a Duration does not reach", 503, "Fri, 31 Dec 9999 23:59:59 GMT", math.MaxInt64),
		asks("nothing", 503, "0", 0),
		asks("a date that is past", 503, in(-hour, http.TimeFormat), 0),
		asks("a date long past", 503, "Thu, 01 Jan 1970 00:00:00 GMT", 0),
		asks("negative", 503, "-3600", 0),
		asks("negative beyond an int64", 429, "-9223372036854775809", 0),
		asks("fractional", 503, "3600.5", 0),
		asks("with a sign", 503, "+3600", 0),
		asks("hexadecimal", 503, "0xe10", 0),
		asks("an exponent", 503, "1e9", 0),
		asks("digits of another script", 503, "٣٦٠٠", 0),
		asks("with a unit", 503, "3600s", 0),
		asks("a list", 503, "3600, 7200", 0),
		asks("empty", 503, "", 0),
		asks("other text", 503, "soon, secret", 0),
		asks("a date in another zone", 503, in(hour, time.RFC1123Z), 0),
		asks("a date without a year", 503, "Wed, 22 Apr 19:46:00 GMT", 0),
		asks("a wait that is kept", 503, "1", time.Second),
		{"of a refusal", answer(delivertest.RetryAfter(400, "3600")), deliver.CauseFieldMapping, deliver.ErrRejected, 1, "asks to wait 1h0m0s"},
		{"of an acceptance", answer(delivertest.RetryAfter(200, "3600")), "", nil, 1, ""},
		{"given twice", answer(delivertest.Answer{Code: 503, Header: http.Header{"Retry-After": {"3600", "0"}}}), deliver.CauseHTTPStatus, deliver.ErrExhausted, 1, "asks to wait 1h0m0s"},
	}
}

func in(d time.Duration, layout string) string { return time.Now().Add(d).UTC().Format(layout) }

// answer is a receiver that gives one answer.
func answer(a delivertest.Answer) func(*scene) {
	return func(s *scene) {
		r := receiver(s.T)
		r.Answers(a)
		s.req.Destination.URL = r.URL
	}
}

func asks(proves string, code int, value string, wait time.Duration) fault {
	f := fault{proves: proves, verdict: deliver.ErrExhausted, attempts: 2}
	if f.cause, _ = deliver.Judge(code, nil); wait > deliver.DefaultMaxWait {
		f.attempts = 1
	}
	f.set = func(s *scene) {
		answer(delivertest.RetryAfter(code, value))(s)
		s.after = append(s.after, func(err error) {
			e := failure(s.T, err)
			assert.LessOrEqual(s, e.RetryAfter, wait)
			if wait == math.MaxInt64 || wait%hour != 0 {
				assert.Equal(s, wait, e.RetryAfter)
			} else {
				assert.GreaterOrEqual(s, e.RetryAfter, wait-wait/6, "a date was written when the tests began")
			}
			if len(e.Attempts) > 1 {
				assert.GreaterOrEqual(s, e.Attempts[1].At.Sub(e.Attempts[0].At), wait)
			}
		})
	}
	return f
}

// A context that ends is neither a refusal nor a failure, unless the endpoint had
// its say.
func contexts() []fault {
	return []fault{
		{"ended before", func(s *scene) {
			answer(delivertest.Answer{})(s)
			s.cancel()
		}, deliver.CauseCanceled, context.Canceled, 0, ""},
		{"a deadline that is past", func(s *scene) {
			answer(delivertest.Answer{})(s)
			s.deadline(-time.Second)
		}, deliver.CauseCanceled, context.DeadlineExceeded, 0, ""},
		{"ended while dialling", func(s *scene) {
			s.req.Destination.URL = "http://leads.invalid"
			s.http.Transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if "http://"+address == s.healthy.URL {
					return (&net.Dialer{}).DialContext(ctx, network, address)
				}
				s.cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			}}
		}, deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended during the handshake", overTLS(func(s *scene, c net.Conn) {
			c.Read(make([]byte, 1))
			s.cancel()
			hold(c)
		}), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended during the request", largeTo(func(s *scene, c net.Conn) {
			io.CopyN(io.Discard, c, 1<<20)
			s.cancel()
			<-s.ctx.Done()
		}), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended before the answer", ended(""), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended during the header", ended(ok + "X: secret"), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended during the body", ended(ok + "Content-Length: 500\r\n\r\nsecret"), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended during chunks", ended(ok + chunked + chunk), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended during gzip", ended(ok + gzipped + string(bomb()[:1000])), deliver.CauseCanceled, context.Canceled, 1, ""},
		{"a deadline before the answer", func(s *scene) {
			say("")(s)
			s.deadline(quick)
		}, deliver.CauseCanceled, context.DeadlineExceeded, 1, ""},
		{"ended during a wait", func(s *scene) {
			answer(delivertest.Code(503))(s)
			s.http.MaxWait, s.http.Backoff = hour, func(int) time.Duration { time.AfterFunc(quick, s.cancel); return hour }
		}, deliver.CauseCanceled, context.Canceled, 1, "status 503"},
		{"a deadline during a wait", func(s *scene) {
			answer(delivertest.RetryAfter(429, "20"))(s)
			s.deadline(3 * quick)
		}, deliver.CauseCanceled, context.DeadlineExceeded, 1, "asks to wait 20s"},
		{"ended before a wait", func(s *scene) {
			answer(delivertest.Code(503))(s)
			s.endWhenOver()
		}, deliver.CauseCanceled, context.Canceled, 1, ""},
		{"ended after a refusal", func(s *scene) {
			answer(delivertest.Code(400))(s)
			s.endWhenOver()
		}, deliver.CauseFieldMapping, deliver.ErrRejected, 1, ""},
		{"ended after an acceptance", func(s *scene) {
			answer(delivertest.Code(200))(s)
			s.endWhenOver()
		}, "", nil, 1, ""},
		{"ended after Deliver", func(s *scene) {
			r := receiver(s.T)
			s.req.Destination.URL = r.URL
			s.after = append(s.after, func(error) {
				s.cancel()
				for range 10 {
					_, err := s.http.Deliver(s.Context(), s.req)
					assert.NoError(s, err)
				}
				assert.Equal(s, 1, r.Connections(), "the connection does not end with it")
			})
		}, "", nil, 1, ""},
	}
}

// ended answers with a part of an answer, and the caller's context ends.
func ended(part string) func(*scene) {
	return peer(func(s *scene, c net.Conn) {
		if s.request(c) {
			io.WriteString(c, part)
			s.cancel()
			hold(c)
		}
	})
}

// endWhenOver ends the context when the first attempt is over.
func (s *scene) endWhenOver() {
	s.http.Observe = func(context.Context, *deliver.Request, deliver.Attempt) { s.cancel() }
}

func (s *scene) deadline(d time.Duration) {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	s.ctx = ctx
	s.Cleanup(cancel)
}
