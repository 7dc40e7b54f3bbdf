package pgtest

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func psql(dsn, sql string) (string, error) {
	out, err := exec.Command(filepath.Join(programs(), "psql"), "-XAt", "-d", dsn, "-c", sql).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestEachCallGivesAnEmptyDatabase(t *testing.T) {
	t.Setenv("LEADHOOK_TEST_POSTGRES", "") // a server of its own is the point
	query := func(dsn, sql string) string {
		out, err := psql(dsn, sql)
		require.NoError(t, err, "%s", out)
		return out
	}
	var first string
	t.Run("while the test runs", func(t *testing.T) {
		first = Start(t)
		second := Start(t)
		query(first, "CREATE TABLE a (b INTEGER)")
		for dsn, tables := range map[string]string{first: "1", second: "0"} {
			assert.Equal(t, tables, query(dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
		}
		assert.Empty(t, query(first, "SHOW listen_addresses"), "nobody else's")
	})
	assert.Equal(t, "0", query(Start(t), "SELECT count(*) FROM pg_database WHERE datname = '"+first[strings.Index(first, "test_"):strings.Index(first, "?")]+"'"), "and drops it")
}

func TestAServerThatStopsKeepsWhatIsCommitted(t *testing.T) {
	t.Setenv("LEADHOOK_TEST_POSTGRES", "postgres://localhost:1/postgres") // it is not looked at
	s := NewServer(t)
	_, err := psql(s.DSN(), "CREATE TABLE a (b INTEGER)")
	require.NoError(t, err)
	for n := range 3 {
		_, err = psql(s.DSN(), "INSERT INTO a VALUES (1)")
		require.NoError(t, err)
		s.Stop()
		_, err = psql(s.DSN(), "SELECT 1")
		require.Error(t, err)
		s.Start()
		out, err := psql(s.DSN(), "SELECT sum(b) FROM a")
		require.NoError(t, err)
		assert.Equal(t, strconv.Itoa(n+1), out)
	}
}

func TestAServerToMeasureKeepsWhatIsCommitted(t *testing.T) {
	if programs() == "" {
		t.Skip(errNone)
	}
	dsn, stop, err := Serve()
	require.NoError(t, err)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		out, err := psql(dsn, "SHOW "+setting)
		require.NoError(t, err, "%s", out)
		assert.Equal(t, "on", out, setting)
	}
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	require.DirExists(t, u.Query().Get("host"))
	require.NoError(t, stop())
	assert.NoDirExists(t, u.Query().Get("host"), "nothing is left")
}

func TestAnotherDatabaseOfAServer(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u:p@localhost:5433/postgres?sslmode=disable": "postgres://u:p@localhost:5433/x?sslmode=disable",
		"postgres://localhost":             "postgres://localhost/x",
		"host=localhost dbname=postgres":   "host=localhost dbname=postgres dbname=x",
		"user=u password='a b' host=/tmp/": "user=u password='a b' host=/tmp/ dbname=x",
	} {
		assert.Equal(t, want, with(dsn, "x"))
	}
}
