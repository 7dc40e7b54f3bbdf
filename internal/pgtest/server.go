package pgtest

import (
	"os"
	"sync"
)

// own is the server of this process.
var own struct {
	once sync.Once
	dsn  string
	err  error
	// life is a pipe to the server's keeper. It closes with the process, even one
	// that is killed, and the keeper takes the server down.
	life *os.File
}

// keeper starts a server in its folder and waits until standard input ends.
const keeper = `
trap '"$1/pg_ctl" stop -s -m immediate -D data >>log 2>&1; rm -rf "$PWD"' EXIT
"$1/initdb" -D data -U postgres -A trust -E UTF8 --no-sync >log 2>&1 || exit 1
"$1/pg_ctl" start -s -w -D data -l server.log -o "-c listen_addresses='' -c unix_socket_directories='$PWD' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" >>log 2>&1 || exit 1
echo ready
read _
`
