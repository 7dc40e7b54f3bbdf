package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
)

// own is the server that the tests of this process share.
var own struct {
	once   sync.Once
	server *server
	err    error
}

// A server is one that this process started.
type server struct {
	dsn string // of its first database
	// keeper is a pipe to the program that started it. It closes with the process,
	// even one that is killed, and the keeper takes the server down.
	keeper io.WriteCloser
	said   *bufio.Reader
	gone   func() error // waits until the keeper is
}

// tell gives the keeper a command, and waits until it did it.
func (s *server) tell(command string) error {
	if _, err := fmt.Fprintln(s.keeper, command); err != nil {
		return err
	}
	switch said, err := s.said.ReadString('\n'); {
	case err != nil:
		return err
	case said != "done\n":
		return fmt.Errorf("pg_ctl %s failed", command)
	}
	return nil
}

// keeper starts a server in its folder, and does what standard input says until
// that ends.
const keeper = `
bin=$1 settings=$2
start() { "$bin/pg_ctl" start -s -w -D data -l server.log -o "-c listen_addresses='' -c unix_socket_directories='$PWD' $settings" >>log 2>&1; }
stop() { "$bin/pg_ctl" stop -s -m immediate -D data >>log 2>&1; }
trap 'stop; rm -rf "$PWD"' EXIT
"$bin/initdb" -D data -U postgres -A trust -E UTF8 --no-sync >log 2>&1 && start || exit 1
echo done
while read command; do
	"$command" && echo done || echo failed
done
`

// forgetful are settings of a server whose data nobody needs when the machine is
// gone. What is committed outlives an immediate stop all the same: the system has
// it.
const forgetful = "-c fsync=off -c full_page_writes=off -c max_connections=200"

var errNone = errors.New("PostgreSQL's initdb is in neither PATH nor /usr/lib/postgresql/*/bin")

// Serve starts a server with PostgreSQL's own settings, for measurements: what is
// committed is on disk. It returns the connection string of its first database,
// and what ends the server; it also ends with the process.
func Serve() (dsn string, stop func() error, err error) {
	bin := programs()
	if bin == "" {
		return "", nil, errNone
	}
	s, err := serve(bin, "")
	if err != nil {
		return "", nil, err
	}
	return s.dsn, s.end, nil
}

// end takes the server down.
func (s *server) end() error {
	s.keeper.Close()
	return s.gone()
}

// A Server is a PostgreSQL server for one test, which may stop it and start it
// again.
type Server struct {
	t      testing.TB
	server *server
}

// NewServer starts a server, even where LEADHOOK_TEST_POSTGRES names one. It ends
// with the test. Where there is none to start, the test is skipped.
func NewServer(t testing.TB) *Server {
	t.Helper()
	bin := programs()
	if bin == "" {
		t.Skip(errNone)
	}
	s, err := serve(bin, forgetful)
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Errorf("ending PostgreSQL: %v", err)
		}
	})
	return &Server{t, s}
}

// DSN is the connection string of its first database, which is empty.
func (s *Server) DSN() string { return s.server.dsn }

// Stop ends the server at once, as a crash does: what is under way is lost, and
// what is committed is not.
func (s *Server) Stop() {
	s.t.Helper()
	s.tell("stop")
}

// Start starts a server that was stopped, and waits until it can be used.
func (s *Server) Start() {
	s.t.Helper()
	s.tell("start")
}

func (s *Server) tell(command string) {
	s.t.Helper()
	if err := s.server.tell(command); err != nil {
		s.t.Fatalf("PostgreSQL: %v", err)
	}
}
