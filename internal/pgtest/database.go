package pgtest

import (
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Start returns the connection string of an empty database, which is dropped when
// the test is over. The first call of a process starts the server. Where there is
// none to start, the test is skipped.
func Start(t testing.TB) string {
	t.Helper()
	bin := programs()
	server := os.Getenv("LEADHOOK_TEST_POSTGRES")
	switch {
	case bin == "" && server == "":
		t.Skip(errNone.Error() + ", and LEADHOOK_TEST_POSTGRES is not set")
	case bin == "":
		t.Fatal("LEADHOOK_TEST_POSTGRES is set, but initdb, createdb and dropdb are in neither PATH nor /usr/lib/postgresql/*/bin")
	case server == "":
		own.once.Do(func() { own.server, own.err = serve(bin, forgetful) })
		if own.err != nil {
			t.Fatalf("starting PostgreSQL: %v", own.err)
		}
		server = own.server.dsn
	}
	name := "test_" + strings.ToLower(rand.Text())
	run := func(program string, args ...string) {
		t.Helper()
		args = append(args, "--maintenance-db="+server, name)
		if out, err := exec.Command(filepath.Join(bin, program), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	run("createdb", "--template=template0")
	t.Cleanup(func() { run("dropdb", "--force") })
	return with(server, name)
}

// programs is the folder of PostgreSQL's programs; "" where there is none.
func programs() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // its neighbours need not be in PATH
			return filepath.Dir(path)
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// with is a connection string for another database of the server.
func with(dsn, database string) string {
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
		u.Path = "/" + database
		return u.String()
	}
	return dsn + " dbname=" + database // the last one counts
}
