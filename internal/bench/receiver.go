package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"
)

// The receivers run in a process of their own, so that what they cost is not
// the senders'. They speak no more HTTP than it takes, so that most of the
// machine is the senders'.

// receiverArgument makes this program the receivers.
const receiverArgument = "receive"

// A fleet says how many hosts there are, each with a port of its own, and what
// they do.
type fleet struct {
	TLS     bool
	Healthy int // answer 200 at once
	Failing int // answer 503 at once
	Slow    int // answer 200 after Delay
	Silent  int // never answer
	Delay   time.Duration
}

// What a fleet reports about itself.
type (
	hello struct {
		Witness                        string   // the address of a host that keeps the last request
		Healthy, Failing, Slow, Silent []string // addresses
		Authority                      []byte   // PEM, of TLS
	}
	counts struct {
		Requests    int64  // whole ones, by all hosts
		Connections int64  // accepted by the healthy ones
		Witnessed   []byte // the last request at the witness, headers and body
	}
)

var answers = map[int][]byte{
	200: []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"),
	503: []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbusy"),
}

// receive is the receivers' process: it reads a fleet from standard input, then
// answers each line with counts, until the input ends.
func receive() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	line, err := in.ReadBytes('\n')
	must(err)
	var f fleet
	must(json.Unmarshal(line, &f))

	var r receivers
	var h hello
	if f.TLS {
		r.tls, h.Authority = selfSigned()
	}
	start := func(n int, host host) (addresses []string) {
		for range n {
			addresses = append(addresses, r.listen(host))
		}
		return addresses
	}
	h.Witness = r.listen(host{code: 200, witness: true})
	h.Healthy = start(f.Healthy, host{code: 200, counted: true})
	h.Failing = start(f.Failing, host{code: 503})
	h.Slow = start(f.Slow, host{code: 200, delay: f.Delay})
	h.Silent = start(f.Silent, host{})
	must(out.Encode(h))
	for {
		if _, err := in.ReadBytes('\n'); err != nil {
			return
		}
		c := counts{r.requests.Load(), r.connections.Load(), nil}
		if last := r.witnessed.Load(); last != nil {
			c.Witnessed = *last
		}
		must(out.Encode(c))
	}
}

type receivers struct {
	tls                   *tls.Config
	requests, connections atomic.Int64
	witnessed             atomic.Pointer[[]byte]
}

// A host is what one of them does.
type host struct {
	code    int // 0: it does not answer
	delay   time.Duration
	counted bool // its connections are
	witness bool // it keeps what it is sent
}

func (r *receivers) listen(h host) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	address = l.Addr().String()
	if r.tls != nil {
		l = tls.NewListener(l, r.tls)
	}
	go func() {
		for {
			c, err := l.Accept()
			must(err)
			if h.counted {
				r.connections.Add(1)
			}
			go r.serve(c, h)
		}
	}()
	return address
}

// serve answers the requests of a connection.
func (r *receivers) serve(c net.Conn, h host) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 2048)
	for {
		var seen []byte
		length := 0
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if h.witness {
				seen = append(seen, line...)
			}
			if len(line) <= 2 {
				break
			}
			if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
			}
		}
		if h.witness {
			body := make([]byte, length)
			if _, err := io.ReadFull(in, body); err != nil {
				return
			}
			seen = append(seen, body...)
			r.witnessed.Store(&seen)
		} else if _, err := in.Discard(length); err != nil {
			return
		}
		r.requests.Add(1)
		time.Sleep(h.delay)
		if h.code == 0 {
			io.Copy(io.Discard, in)
			return
		}
		if _, err := c.Write(answers[h.code]); err != nil {
			return
		}
	}
}

func selfSigned() (*tls.Config, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// A remote is a fleet in its process.
type remote struct {
	hello
	scheme string
	in     io.WriteCloser
	out    *json.Decoder
	cmd    *exec.Cmd
}

func startFleet(f fleet) *remote {
	self, err := os.Executable()
	must(err)
	r := &remote{cmd: exec.Command(self, receiverArgument), scheme: "http"}
	if f.TLS {
		r.scheme = "https"
	}
	r.cmd.Stderr = os.Stderr
	r.in, err = r.cmd.StdinPipe()
	must(err)
	out, err := r.cmd.StdoutPipe()
	must(err)
	must(r.cmd.Start())
	must(json.NewEncoder(r.in).Encode(f))
	r.out = json.NewDecoder(out)
	must(r.out.Decode(&r.hello))
	return r
}

func (r *remote) stop() {
	r.in.Close()
	r.cmd.Wait()
}

func (r *remote) counts() (c counts) {
	_, err := io.WriteString(r.in, "counts\n")
	must(err)
	must(r.out.Decode(&c))
	return c
}

// urls are where addresses of the fleet take leads.
func (r *remote) urls(addresses []string) (urls []string) {
	for _, a := range addresses {
		urls = append(urls, r.scheme+"://"+a+"/leads")
	}
	return urls
}

func (r *remote) roots() *x509.CertPool {
	if len(r.Authority) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.Authority)
	return pool
}
