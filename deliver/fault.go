package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// diagnose names the cause of an exchange that broke, and says it in words that
// are safe to log. What net/http says is not: it quotes what came over the wire.
//
// took is how long the exchange was: the limits of dialling and of handshakes
// may have ended it before the attempt's own.
func diagnose(err error, took time.Duration) (Cause, error) {
	var blocked *addressError
	var name *nameError
	var timer net.Error
	switch {
	case errors.As(err, &blocked):
		return CauseBlockedAddress, blocked
	case errors.As(err, &name):
		return CauseBlockedAddress, name
	case errors.As(err, &timer) && timer.Timeout():
		return CauseTimeout, keep(err, fmt.Sprintf("no complete answer within %v", took.Round(time.Millisecond)))
	}
	if err, ok := diagnoseTLS(err); ok {
		return CauseTLS, err
	}
	return CauseConnection, diagnoseConnection(err)
}

// diagnoseTLS knows the errors of certificates and handshakes. Their own texts
// quote the certificate, which is the receiver's to write.
func diagnoseTLS(err error) (error, bool) {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return keep(err, "the certificate is for other host names"), true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return keep(err, "the certificate is signed by an unknown authority, or its chain is incomplete"), true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return keep(err, "the certificate has expired or is not valid yet"), true
		}
		return keep(err, "the certificate is not valid for this use"), true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return keep(err, "the certificate cannot be verified"), true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return keep(err, "the server does not speak TLS; perhaps the URL should start with http://"), true
	}
	// Alerts have no exported type of their own outside QUIC.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		// An alert's text is one of crypto/tls's own.
		if op.Op == "remote error" {
			return keep(err, fmt.Sprintf("the TLS handshake failed, the server says %q", strings.TrimPrefix(op.Err.Error(), "tls: "))), true
		}
		return keep(err, "the TLS handshake failed"), true
	}
	return nil, false
}

var reasons = []struct {
	err  error
	text string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset by the server"},
	{syscall.EPIPE, "connection closed by the server while sending"},
	{syscall.EHOSTUNREACH, "no route to the host"},
	{syscall.ENETUNREACH, "no route to the network"},
	{io.ErrUnexpectedEOF, "the answer ended before it was complete"},
	{io.EOF, "connection closed by the server before it answered"},
}

func diagnoseConnection(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return keep(err, "the host name does not exist")
		}
		return keep(err, "the host name could not be looked up")
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return keep(err, r.text)
		}
	}
	return keep(err, "the connection broke or the answer is no valid HTTP")
}

// keep gives err a text of our own. errors.Is and errors.As still find what is
// in it; what they find says what net/http said.
func keep(err error, text string) error { return &diagnosis{text, err} }

type diagnosis struct {
	text string
	err  error
}

func (d *diagnosis) Error() string { return d.text }

// Unwrap hides an attempt's own deadline: to a caller, a context's error is that
// of its own context.
func (d *diagnosis) Unwrap() error {
	if errors.Is(d.err, context.DeadlineExceeded) || errors.Is(d.err, context.Canceled) {
		return nil
	}
	return d.err
}
