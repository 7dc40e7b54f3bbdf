package leadhook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// A ClientCertificate is a certificate and its private key, in PEM. Printed or
// logged it shows neither.
type ClientCertificate struct {
	Certificate string `json:"certificate"` // with its chain, the leaf first
	Key         string `json:"key"`
}

// Format writes nothing of it, whatever the verb.
func (c ClientCertificate) Format(s fmt.State, _ rune) { fmt.Fprint(s, "client certificate") }

// LogValue logs nothing of it.
func (c ClientCertificate) LogValue() slog.Value { return slog.StringValue("client certificate") }

// parse reports faults by their place. What crypto/tls says of them shows
// nothing of the key.
func (c *ClientCertificate) parse(fault func(setting string, err error)) *tls.Certificate {
	if c == nil {
		return nil
	}
	sound := true
	for _, part := range []struct{ setting, text string }{{"clientCertificate.certificate", c.Certificate}, {"clientCertificate.key", c.Key}} {
		if block, _ := pem.Decode([]byte(part.text)); block == nil {
			fault(part.setting, errors.New("it is no PEM, which begins with -----BEGIN"))
			sound = false
		}
	}
	if !sound {
		return nil
	}
	certificate, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key))
	if err == nil {
		return &certificate
	}
	setting := "clientCertificate.key"
	if onlyCertificate(c.Certificate) != nil {
		setting = "clientCertificate.certificate"
	}
	fault(setting, fmt.Errorf("it cannot be used: %s", strings.TrimPrefix(err.Error(), "tls: ")))
	return nil
}

// onlyCertificate returns what is wrong with a certificate that is PEM.
func onlyCertificate(text string) error {
	block, _ := pem.Decode([]byte(text))
	_, err := x509.ParseCertificate(block.Bytes)
	return err
}
