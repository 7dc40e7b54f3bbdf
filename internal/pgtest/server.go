package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"sync"
)

// A server is one that this process started.
type server struct {
	dsn string
	// life is a pipe to the server's keeper. It closes with the process, even one
	// that is killed, and the keeper takes the server down.
	life   *os.File
	keeper *exec.Cmd
}

// own is the server of this process's tests.
var own struct {
	once   sync.Once
	server *server
	err    error
}

// forgetful are settings of a server whose data nobody needs when it is gone.
const forgetful = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"

// Serve starts a server with PostgreSQL's own settings, for measurements: what is
// committed is on disk. It returns the connection string of its first database,
// and what ends the server; it also ends with the process.
func Serve() (dsn string, stop func(), err error) {
	bin := programs()
	if bin == "" {
		return "", nil, errNone
	}
	s, err := serve(bin, "")
	if err != nil {
		return "", nil, err
	}
	return s.dsn, func() {
		s.life.Close()
		s.keeper.Wait()
	}, nil
}

var errNone = errors.New("PostgreSQL's initdb is in neither PATH nor /usr/lib/postgresql/*/bin")

// keeper starts a server in its folder and waits until standard input ends.
const keeper = `
trap '"$1/pg_ctl" stop -s -m immediate -D data >>log 2>&1; rm -rf "$PWD"' EXIT
"$1/initdb" -D data -U postgres -A trust -E UTF8 --no-sync >log 2>&1 || exit 1
"$1/pg_ctl" start -s -w -D data -l server.log -o "-c listen_addresses='' -c unix_socket_directories='$PWD' $2" >>log 2>&1 || exit 1
echo ready
read _
`
