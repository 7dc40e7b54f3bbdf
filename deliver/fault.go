package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// diagnose names the cause of an exchange that broke, and says it in words that
// are safe to log. What net/http says is not: it quotes what came over the wire.
// The error that comes back unwraps only to errors whose own text is safe.
func diagnose(err error, timeout time.Duration) (Cause, error) {
	var blocked *addressError
	var timer net.Error
	switch {
	case errors.As(err, &blocked):
		return CauseBlockedAddress, blocked
	case errors.As(err, &timer) && timer.Timeout():
		return CauseTimeout, fmt.Errorf("no complete answer within %v", timeout)
	}
	if err, ok := diagnoseTLS(err); ok {
		return CauseTLS, err
	}
	return CauseConnection, diagnoseConnection(err)
}

// diagnoseTLS knows the errors of certificates and handshakes. Their texts name
// hosts, dates and authorities, all of which the certificate shows to anybody.
func diagnoseTLS(err error) (error, bool) {
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return verification, true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return invalid, true
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return errors.New("the server does not speak TLS; perhaps the URL should start with http://"), true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New("the server does not speak TLS; perhaps the URL should start with http://"), true
	}
	// Alerts have no exported type of their own outside QUIC.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return op, true
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
			return errors.New("the host name does not exist")
		}
		return errors.New("the host name could not be looked up")
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return fmt.Errorf("%s%w", r.text, silent{r.err})
		}
	}
	return errors.New("the connection broke or the answer is no valid HTTP")
}

// silent keeps an error for errors.Is, without its text.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }
