package deliver

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// readFrom reads an answer to its end, or as far as readBody, and keeps some of
// it. Closing a body that was not read to its end closes its connection.
//
// What is compressed is inflated when it is there, within the same bounds: an
// inflater takes more memory than all else that a slow answer keeps, and an
// endless gzip may hold nothing at all.
func (a *answer) readFrom(ctx context.Context, resp *http.Response, encoding string, keep int) error {
	if resp.Body == nil { // of a transport of the host's, such as a test's
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil // the body is the bare connection, which knows no context
	}
	zipped := strings.EqualFold(encoding, "gzip") || strings.EqualFold(encoding, "x-gzip") // RFC 9110 §8.4.1.3
	switch {
	case zipped:
		raw := answer{}
		err := raw.readPlain(ctx, resp.Body, readBody)
		if len(raw.body) == 0 {
			return err
		}
		inflateErr := a.inflate(raw.body, keep)
		switch {
		case err != nil:
			return err
		case raw.unreadable != nil:
			a.unreadable = raw.unreadable
			return nil
		}
		return inflateErr
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		err := a.readPlain(ctx, resp.Body, 0)
		a.unreadable = errEncoded
		return err
	}
	return a.readPlain(ctx, resp.Body, keep)
}

var buffers = sync.Pool{New: func() any { return new([1 << 10]byte) }}

// readPlain reads body as it is.
func (a *answer) readPlain(ctx context.Context, body io.Reader, keep int) error {
	buf := buffers.Get().(*[1024]byte)
	for total := 0; total < readBody; {
		n, err := body.Read(buf[:])
		a.body = append(a.body, buf[:min(n, keep-len(a.body))]...) // which the caller gets
		total += n
		if err == io.EOF {
			// Only now: a transport of the host's that reads on the side may still
			// be writing to it after any other error.
			buffers.Put(buf)
			return nil
		}
		if err == nil {
			err = ctx.Err() // which a transport of the host's may not look at
		}
		if err != nil {
			return err
		}
	}
	a.unreadable = errTooLong // or just as long, which nobody knows without waiting for more
	return nil
}

var inflaters sync.Pool // of *gzip.Reader

// inflate takes what came over the wire.
func (a *answer) inflate(zipped []byte, keep int) error {
	z, ok := inflaters.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer inflaters.Put(z)
	if err := z.Reset(bytes.NewReader(zipped)); err != nil {
		return err
	}
	return a.readPlain(context.Background(), z, keep)
}
