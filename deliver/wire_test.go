package deliver_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// A wire is the other end of the connection that a transport makes, whatever it
// dials. It reads without net/http, and keeps what it reads.
type wire struct {
	dialled []string
	first   string            // line
	header  map[string]string // names in lower case
	lines   int               // of the header
	body    string
	rest    string // behind the request
	done    chan struct{}
}

// send delivers over a wire. https goes in plain, so that it can be read.
func (w *wire) send(t *testing.T, d deliver.Destination) error {
	client, server := net.Pipe()
	w.header, w.done = map[string]string{}, make(chan struct{})
	go w.serve(server)
	dial := func(_ context.Context, _, address string) (net.Conn, error) {
		w.dialled = append(w.dialled, address)
		return client, nil
	}
	h := &deliver.HTTP{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}}
	req := request("")
	req.Destination = d
	req.Destination.Timeout, req.Destination.MaxAttempts = 5*time.Second, 1
	_, err := h.Deliver(t.Context(), req)
	client.Close()
	<-w.done
	require.LessOrEqual(t, len(w.dialled), 1)
	if d.Validate() != nil {
		require.ErrorIs(t, err, deliver.ErrRejected)
		require.Equal(t, deliver.CauseConfiguration, failure(t, err).Cause)
		require.Empty(t, w.dialled, "nothing is sent")
		return err
	}
	if w.first == "" && strings.ContainsFunc(d.URL, func(r rune) bool { return r >= 0x7F }) {
		return err // a name that net/http cannot write in ASCII, which shows as it dials
	}
	require.NoError(t, err, "what is valid can be sent")
	require.Equal(t, string(request("").Body), w.body)
	require.Empty(t, w.rest, "no second request")
	return nil
}

func (w *wire) serve(c net.Conn) {
	defer close(w.done)
	defer c.Close()
	r := bufio.NewReader(c)
	w.first, _ = r.ReadString('\n')
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line == "\r\n" {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": ")
		w.header[strings.ToLower(name)] = value
		w.lines++
	}
	length, _ := strconv.Atoi(w.header["content-length"])
	body := make([]byte, length)
	io.ReadFull(r, body)
	w.body = string(body)
	io.WriteString(c, ok+"Content-Length: 0\r\n\r\n")
	rest, _ := io.ReadAll(r)
	w.rest = string(rest)
}

// A header is refused, or arrives as it is and with nothing beside it. White
// space around a value is no part of it (RFC 9110 §5.5).
func FuzzHeader(f *testing.F) {
	for name, value := range map[string]string{
		"Authorization": "Bearer x", "x-lower": " a\tb ", "X\r\nHost": "evil", "X": "a\r\n\r\nPOST / HTTP/1.1\r\nHost: evil\r\n\r\n", "X-Nul": "a\x00b", "Host": "evil",
		"content-length": "5", "Transfer-Encoding": "chunked", "Transfer-Encoding ": "chunked", "Connection": "x", "Idempotency-Key": "1", "User-Agent": "", "Accept-Encoding": "br",
		"Range": "bytes=0-", "Expect": "100-continue", "X-é": "é", "X-Latin": "\xe9", "X-C1": "\u0085", "Webhook-Id": "x", "Te": "trailers", "": "x", "X:": "y", "Cookie": "a=b", "X-Sep": "\u2028",
	} {
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		var w wire
		if w.send(t, deliver.Destination{URL: "http://example.com/", Header: http.Header{name: {value}}}) != nil {
			return
		}
		want := map[string]string{
			"host": "example.com", "user-agent": "leadhook", "content-length": "28", "content-type": "application/json", "webhook-id": "msg_1",
			"webhook-timestamp": w.header["webhook-timestamp"], "accept-encoding": "gzip", "connection": "close",
		}
		switch lower := strings.ToLower(name); {
		case lower == "user-agent" && value == "":
			delete(want, lower) // how net/http is told to send none
		default:
			want[lower] = strings.Trim(value, " \t")
		}
		require.Equal(t, "POST / HTTP/1.1\r\n", w.first)
		require.Equal(t, want, w.header)
		require.Equal(t, len(want), w.lines)
	})
}

// A URL is refused, or leads where it says. net/http encodes what must not stand
// in a path, and names in other scripts; a query stays as it is.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/leads?key=1", "http://example.com", "http://example.com?a#b", "http://h:8080//a//b/../c?x=%20&y", "http://h/%2f%zz", "http://h/a b", "http://h/é?q=é", "http://h/\r\nHost: x",
		"http://h/?a\r\nX: y", "http://user:pw@h/", "http://[::1]:80/", "http://[fe80::1%25eth0]/", "http://169。254。169。254/", "http://h:/", "http://h:0/", "HTTP://H/", "http:h", "//h/", "http://h/;x=1,2'()*!$&+=:@",
		"http://a<b/", "http://a\\b/", "http://h/?", "http://h/#", "http://xn--a/", "http://h/%", "http://h?a?b", "http://h%41/", "http://-/", "http://a..b/", "http://h/\x7f", "http://\"/", "http://h*/", "http://(/", "http://0ì!",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var w wire
		if w.send(t, deliver.Destination{URL: s}) != nil {
			return
		}
		scheme, rest, _ := strings.Cut(s, "://")
		rest, _, _ = strings.Cut(rest, "#")
		end := strings.IndexAny(rest+"/", "/?")
		authority, target := rest[:end], rest[end:]
		path, query, asks := strings.Cut(target, "?")
		if path == "" {
			path = "/"
		}

		sent, rest, spaces := strings.Cut(strings.TrimPrefix(w.first, "POST "), " ")
		require.True(t, spaces)
		require.Equal(t, "HTTP/1.1\r\n", rest)
		sentPath, sentQuery, sentAsks := strings.Cut(sent, "?")
		require.Equal(t, query, sentQuery)
		require.Equal(t, asks, sentAsks)
		wantPath, err := url.PathUnescape(path)
		require.NoError(t, err)
		gotPath, err := url.PathUnescape(sentPath)
		require.NoError(t, err)
		require.Equal(t, wantPath, gotPath)
		if strings.Trim(path, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@%") == "" {
			require.Equal(t, path, sentPath, "what needs no encoding stays")
		}

		require.Len(t, w.dialled, 1)
		for _, r := range w.header["host"] {
			require.True(t, ' ' < r && r < 0x7F, "%q", w.header["host"])
		}
		if strings.ContainsFunc(authority, func(r rune) bool { return r >= 0x7F || r == '%' }) {
			return // written otherwise, and the guard judges what is dialled
		}
		authority = strings.TrimSuffix(authority, ":")
		require.Equal(t, authority, w.header["host"])
		port := map[string]string{"http": ":80", "https": ":443"}[strings.ToLower(scheme)]
		if u, err := url.Parse(s); err == nil && u.Port() != "" {
			port = ""
		}
		require.Equal(t, authority+port, w.dialled[0])
	})
}
