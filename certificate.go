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
		block, _ := pem.Decode([]byte(part.text))
		var err error
		switch {
		case part.text == "":
			err = errors.New("it is empty; give it as PEM")
		case block == nil && strings.Contains(part.text, `\n`):
			err = errors.New(`it has the two characters \n where PEM has line breaks`)
		case block == nil && strings.Contains(part.text, "-----BEGIN"):
			err = errors.New("it is PEM that cannot be decoded; perhaps its line breaks were lost")
		case block == nil:
			err = errors.New("it is no PEM, which begins with -----BEGIN; it is the text itself, and not the path of a file")
		case strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			err = errors.New("it is encrypted; decrypt it first")
		}
		if err != nil {
			fault(part.setting, err)
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
