package deliver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// Kinds of HTTP/2 frames, their flags and some errors (RFC 9113 §6, §7).
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameContinuation = 0, 1, 3, 4, 6, 7, 9

	endStream, ack, endHeaders = 1, 1, 4

	noError, protocolError, internalError, refusedStream, cancelStream, calm, http11Required = 0, 1, 2, 7, 8, 11, 13
)

// Field blocks (RFC 7541): statuses by their place in the static table, and a
// header without a place, x: secret.
const (
	status200, status400 = "\x88", "\x8c"
	status103            = "\x08\x03103"
	xSecret              = "\x00\x01x\x06secret"
)

// What goes wrong with a stream. An HTTP/2 client may repeat what was refused by
// itself: no attempt may go unseen.
func streams() []fault {
	return []fault{
		{"a good answer", framed(func(x stream) { x.headers(endStream, status200) }), "", nil, 1, ""},
		{"no answer", framed(func(stream) {}), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"a body a byte at a time", framed(func(x stream) {
			x.headers(0, status200)
			x.again(quick/20, frame(frameData, 0, x.id, "s"))
		}), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},

		{"RST, refused", resetStream(refusedStream), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST, no error", resetStream(noError), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST, protocol error", resetStream(protocolError), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST, internal error", resetStream(internalError), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST, canceled", resetStream(cancelStream), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST, calm down", resetStream(calm), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST, HTTP/1.1 required", resetStream(http11Required), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST of a request without a body", empty(resetStream(refusedStream)), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST during the body", framed(func(x stream) {
			x.headers(0, status200)
			x.frame(frameData, 0, "secret")
			x.reset(internalError)
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"RST during the body of a refusal", framed(func(x stream) {
			x.headers(0, status400)
			x.frame(frameData, 0, "secret")
			x.reset(internalError)
		}), deliver.CauseFieldMapping, deliver.ErrRejected, 1, "status 400"},
		{"RST after the answer", framed(func(x stream) {
			x.headers(endStream, status200)
			x.reset(noError)
		}), "", nil, 1, ""},

		{"GOAWAY as a greeting", greeted(func(x stream) { x.goAway(0, noError) }), "", nil, -2, ""},
		{"GOAWAY before the stream", framed(func(x stream) { x.goAway(0, noError) }), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"GOAWAY before a stream without a body", empty(framed(func(x stream) { x.goAway(0, noError) })), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"GOAWAY with an error, and silence", framed(func(x stream) { x.goAway(x.id, calm) }), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"GOAWAY during the stream", func(s *scene) {
			framed(func(x stream) {
				x.goAway(x.id, noError)
				x.headers(endStream, status200)
			})(s)
			s.after = append(s.after, func(error) {
				for range 5 {
					receipt, err := s.http.Deliver(s.Context(), s.req)
					if assert.NoError(s, err) {
						assert.Len(s, receipt.Attempts, 1, "a connection that goes away is used no more")
					}
				}
				assert.EqualValues(s, 6, s.read.Load())
			})
		}, "", nil, 1, ""},
		{"GOAWAY during the stream, and closed", framed(func(x stream) {
			x.goAway(x.id, noError)
			x.headers(0, status200)
			x.Close()
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},

		{"endless headers", framed(func(x stream) {
			x.frame(frameHeaders, 0, status200)
			x.again(0, frame(frameContinuation, 0, x.id, strings.Repeat(xSecret, 1000)))
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"endless 1xx", framed(func(x stream) {
			x.again(0, frame(frameHeaders, endHeaders, x.id, status103+xSecret))
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"endless pings", framed(func(x stream) {
			x.again(0, pings)
		}), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"endless pings by who reads no answer", func(s *scene) {
			framed(func(x stream) {
				for { // and nobody reads
					if _, err := x.Write(pings); err != nil {
						return
					}
				}
			})(s)
			s.http.Own().HTTP2.WriteByteTimeout = quick // instead of what a goroutine would be held for
		}, deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"endless empty data", framed(func(x stream) {
			x.headers(0, status200)
			x.again(0, frame(frameData, 0, x.id, ""))
		}), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"an endless body", framed(func(x stream) {
			x.headers(0, status200)
			x.again(0, frame(frameData, 0, x.id, strings.Repeat("secret", 1000)))
		}), "", nil, 1, ""},
		{"a connection that has gone silent", func(s *scene) {
			var first atomic.Pointer[net.Conn]
			framed(func(x stream) {
				if c := first.Load(); c == nil {
					first.Store(&x.Conn)
				} else if *c == x.Conn {
					hold(x) // not even a ping is answered
				}
				x.headers(endStream, status200)
			})(s)
			s.req.Destination.Timeout = 10 * quick
			h2 := s.http.Own().HTTP2
			assert.Positive(s, h2.SendPingTimeout)
			assert.LessOrEqual(s, h2.SendPingTimeout+h2.PingTimeout, deliver.DefaultTimeout, "an attempt finds out")
			h2.SendPingTimeout, h2.PingTimeout = quick, quick
			_, err := s.http.Deliver(s.ctx, s.req)
			require.NoError(s, err)
			s.read.Add(-1)
		}, "", nil, -2, ""}, // the silence may be found out before the first of them
		{"no HTTP/2 at all", secure(h2(), func(_ *scene, c net.Conn) {
			io.WriteString(c, ok+"Content-Length: 6\r\n\r\nsecret")
			hold(c)
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"closed after the request", framed(func(x stream) { x.Close() }), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"the context ends during the stream", func(s *scene) {
			framed(func(x stream) {
				if s.read.Load() == 1 {
					s.cancel()
				} else {
					x.headers(endStream, status200)
				}
			})(s)
			s.after = append(s.after, func(error) {
				_, err := s.http.Deliver(context.WithoutCancel(s.ctx), s.req)
				assert.NoError(s, err, "the connection serves others")
			})
		}, deliver.CauseCanceled, context.Canceled, 1, ""},
	}
}

func h2() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{authority().leaf(unchanged)}, NextProtos: []string{"h2"}}
}

// framed speaks just enough HTTP/2 to misbehave. answer is told of each request
// that is complete.
func framed(answer func(stream)) func(*scene) {
	return secure(h2(), func(s *scene, c net.Conn) { serveFrames(s, c, answer) })
}

// greeted greets the first connection badly, and answers well.
func greeted(greet func(stream)) func(*scene) {
	return func(s *scene) {
		first := make(chan struct{}, 1)
		first <- struct{}{}
		secure(h2(), func(s *scene, c net.Conn) {
			select {
			case <-first:
				greet(stream{Conn: c})
				serveFrames(s, c, func(stream) { s.read.Add(-1) }) // it said that it would not look
			default:
				serveFrames(s, c, func(x stream) { x.headers(endStream, status200) })
			}
		})(s)
	}
}

func resetStream(code uint32) func(*scene) { return framed(func(x stream) { x.reset(code) }) }

// empty sends a request without a body, which an HTTP/2 client may think it can
// repeat.
func empty(set func(*scene)) func(*scene) {
	return func(s *scene) { s.req.Body = nil; set(s) }
}

// serveFrames reads frames until the client closes the connection.
func serveFrames(s *scene, c net.Conn, answer func(stream)) {
	if _, err := io.ReadFull(c, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	c.Write(frame(frameSettings, 0, 0, ""))
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return
		}
		switch kind, flags := head[3], head[4]; {
		case kind == frameSettings && flags&ack == 0:
			c.Write(frame(frameSettings, ack, 0, ""))
		case kind == framePing && flags&ack == 0:
			c.Write(frame(framePing, ack, 0, string(payload)))
		case (kind == frameData || kind == frameHeaders) && flags&endStream != 0:
			s.read.Add(1)
			answer(stream{c, binary.BigEndian.Uint32(head[5:])})
		}
	}
}

// frame is a frame's bytes (RFC 9113 §4.1).
func frame(kind, flags byte, stream uint32, payload string) []byte {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = binary.BigEndian.AppendUint32(append(head, flags), stream)
	return append(head, payload...)
}

var pings = bytes.Repeat(frame(framePing, 0, 0, "12345678"), 100)

// A stream is a request that is to be answered.
type stream struct {
	net.Conn
	id uint32
}

func (x stream) frame(kind, flags byte, payload string) { x.Write(frame(kind, flags, x.id, payload)) }

func (x stream) headers(flags byte, block string) { x.frame(frameHeaders, flags|endHeaders, block) }

func (x stream) reset(code uint32) { x.frame(frameReset, 0, number(code)) }

func (x stream) goAway(last, code uint32) {
	x.Write(frame(frameGoAway, 0, 0, number(last)+number(code)))
}

func number(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// again sends the same for as long as the client listens, while other streams
// go on.
func (x stream) again(pause time.Duration, frames []byte) {
	if pause == 0 {
		frames = bytes.Repeat(frames, 1+(16<<10)/len(frames))
	}
	go func() {
		for {
			if _, err := x.Write(frames); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}()
}
