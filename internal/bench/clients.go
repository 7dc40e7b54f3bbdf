package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/gojek/heimdall/v7"
	"github.com/gojek/heimdall/v7/httpclient"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/topprovider/leadhook/deliver"
)

// A client posts a body as JSON and reads the answer. An answer that is no
// success is an error.
type client struct {
	name  string
	post  func(url string, body []byte) error
	close func() // its idle connections
}

const (
	timeout   = 15 * time.Second
	tunedName = "net/http, tuned by hand"
)

// secret signs what leadhook sends.
var secret = deliver.NewSecret()

// newHTTP returns leadhook's own, for loopback.
func newHTTP(roots *x509.CertPool) *deliver.HTTP {
	return &deliver.HTTP{Transport: &deliver.Transport{AllowPrivate: true, RootCAs: roots}}
}

// request is a ready one.
func request(url string, body []byte) *deliver.Request {
	return &deliver.Request{
		ID: "msg_2mXbGJ0Nq8yU4fWvT7aKcR", EndpointID: "crm", LeadID: "ld_8f31c0a7", MessageType: "new_lead",
		ContentType: "application/json", Body: body,
		Destination: deliver.Destination{URL: url, Secrets: []string{secret}},
	}
}

// delivering posts with deliver.HTTP: the address guarded, the request signed,
// the receipt made.
func delivering(roots *x509.CertPool) client {
	h := newHTTP(roots)
	return client{"leadhook", func(url string, body []byte) error {
		req := request(url, body)
		req.Destination.MaxAttempts = 1
		_, err := h.Deliver(context.Background(), req)
		return err
	}, h.CloseIdleConnections}
}

// tunedTransport is net/http's for many connections a host.
func tunedTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		MaxIdleConns:        2048,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		TLSClientConfig:     &tls.Config{RootCAs: roots},
	}
}

// defaultTransport is net/http's as it comes.
func defaultTransport(roots *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return t
}

// tuned posts with net/http as one who knows it would.
func tuned(roots *x509.CertPool) client {
	return posting(tunedName, tunedTransport(roots))
}

func posting(name string, t *http.Transport) client {
	c := &http.Client{Transport: t, Timeout: timeout}
	return client{name, func(url string, body []byte) error {
		req, err := newPost(url, body)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		return drain(resp, err)
	}, t.CloseIdleConnections}
}

func newPost(url string, body []byte) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

// signing posts as tuned does, and signs: what of leadhook's cost is that of
// signatures. Its key is decoded once.
func signing(roots *x509.CertPool) client {
	t := tunedTransport(roots)
	c := &http.Client{Transport: t, Timeout: timeout}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	must(err)
	return client{tunedName + ", and signed", func(url string, body []byte) error {
		req, err := newPost(url, body)
		if err != nil {
			return err
		}
		const id = "msg_2mXbGJ0Nq8yU4fWvT7aKcR"
		timestamp := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, id+"."+timestamp+".")
		mac.Write(body)
		req.Header.Set("Webhook-Id", id)
		req.Header.Set("Webhook-Timestamp", timestamp)
		req.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		resp, err := c.Do(req)
		return drain(resp, err)
	}, t.CloseIdleConnections}
}

// defaults are the clients as they come: only their logs are off, and the
// receivers' authority is known.
func defaults(roots *x509.CertPool) []client {
	retrying := retryable(cleanTransport(roots))

	rested := resty.New().SetTimeout(timeout)
	if roots != nil {
		rested.SetTLSClientConfig(&tls.Config{RootCAs: roots})
	}

	t := defaultTransport(roots)
	shared := &http.Client{Transport: t, Timeout: timeout}
	hystrix := httpclient.NewClient(httpclient.WithHTTPTimeout(timeout), httpclient.WithHTTPClient(heimdall.Doer(shared)))
	return []client{
		posting("net/http as it comes", defaultTransport(roots)),
		retrying,
		{"resty as it comes", func(url string, body []byte) error {
			resp, err := rested.R().SetHeader("Content-Type", "application/json").SetBody(body).Post(url)
			if err == nil && !resp.IsSuccess() {
				err = fmt.Errorf("status %d", resp.StatusCode())
			}
			return err
		}, func() { rested.GetClient().CloseIdleConnections() }},
		{"heimdall as it comes", func(url string, body []byte) error {
			resp, err := hystrix.Post(url, bytes.NewReader(body), http.Header{"Content-Type": {"application/json"}})
			return drain(resp, err)
		}, t.CloseIdleConnections},
	}
}

// cleanTransport is what go-retryablehttp comes with.
func cleanTransport(roots *x509.CertPool) *http.Transport {
	t := retryablehttp.NewClient().HTTPClient.Transport.(*http.Transport)
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return t
}

// retryable posts with go-retryablehttp, which tries once: what is measured is a
// request, not a wait.
func retryable(t *http.Transport) client {
	c := retryablehttp.NewClient()
	c.HTTPClient = &http.Client{Transport: t, Timeout: timeout}
	c.Logger, c.RetryMax = nil, 0
	return client{"go-retryablehttp as it comes", func(url string, body []byte) error {
		resp, err := c.Post(url, "application/json", body)
		return drain(resp, err)
	}, t.CloseIdleConnections}
}

func drain(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
