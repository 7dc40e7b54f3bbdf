package sqlhistory_test

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

// applied is what the table of migrations says.
func applied(t *testing.T, db *sql.DB) (versions []int, at int64) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT version, applied_at FROM leadhook_history_migrations ORDER BY version")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var version int
		require.NoError(t, rows.Scan(&version, &at))
		versions = append(versions, version)
	}
	require.NoError(t, rows.Err())
	return versions, at
}

func TestProcessesMigrateAtOnce(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		d := newDatabase(t, dialect)
		var wg sync.WaitGroup
		for range 8 {
			s, _ := d.store(t)
			for range 2 {
				wg.Go(func() { assert.NoError(t, s.Migrate(t.Context())) })
			}
		}
		wg.Wait()
		s, db := d.store(t)
		versions, at := applied(t, db)
		assert.Equal(t, []int{1}, versions)
		require.NoError(t, s.Record(t.Context(), history.Entry{ID: "x"}))
		require.NoError(t, s.Migrate(t.Context()))
		_, again := applied(t, db)
		assert.Equal(t, at, again, "nothing is done twice")
		_, err := s.Get(t.Context(), "x")
		assert.NoError(t, err, "nor lost")
	})
}

func TestProcessesGoForwardAtOnce(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		d := newDatabase(t, dialect)
		folder := "migrations/" + string(dialect) + "/"
		files := fstest.MapFS{folder + "1_a.sql": {Data: []byte("CREATE TABLE {prefix}a (x INTEGER);")}}
		first, db := d.store(t)
		require.NoError(t, first.MigrateFiles(t.Context(), files))
		var want []int
		for version := 1; version < 20; version++ {
			want = append(want, version)
			if version > 1 {
				files[fmt.Sprintf("%s%d_a.sql", folder, version)] = &fstest.MapFile{Data: fmt.Appendf(nil, "ALTER TABLE {prefix}a ADD COLUMN x%d INTEGER;", version)}
			}
		}
		var wg sync.WaitGroup
		for range 8 {
			s, _ := d.store(t)
			wg.Go(func() { assert.NoError(t, s.MigrateFiles(t.Context(), files)) })
		}
		wg.Wait()
		versions, _ := applied(t, db)
		assert.Equal(t, want, versions)
	})
}

// A migration that breaks off leaves nothing behind, and can be made again.
func TestAMigrationIsWholeOrNothing(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, db := newDatabase(t, dialect).store(t)
		folder := "migrations/" + string(dialect) + "/"
		files := fstest.MapFS{
			folder + "0002_b.sql":  {Data: []byte("CREATE TABLE {prefix}b (x INTEGER); INSERT INTO {prefix}nowhere VALUES (1);")},
			folder + "0001_a.sql":  {Data: []byte("CREATE TABLE {prefix}a (x INTEGER);")},
			folder + "0010_c.sql":  {Data: []byte("ALTER TABLE {prefix}b ADD COLUMN y INTEGER;")},
			"migrations/other.sql": {},
		}
		assert.ErrorContains(t, s.MigrateFiles(t.Context(), files), "0002_b.sql")
		assert.Zero(t, db.Stats().InUse)
		for _, table := range []string{"a", "b", "history_migrations"} {
			_, err := db.ExecContext(t.Context(), "SELECT * FROM leadhook_"+table)
			assert.Error(t, err, table)
		}
		files[folder+"0002_b.sql"].Data = []byte("CREATE TABLE {prefix}b (x INTEGER);")
		require.NoError(t, s.MigrateFiles(t.Context(), files))
		require.NoError(t, s.MigrateFiles(t.Context(), files))
		versions, _ := applied(t, db)
		assert.Equal(t, []int{1, 2, 10}, versions)
		_, err := db.ExecContext(t.Context(), "SELECT y FROM leadhook_b")
		assert.NoError(t, err)

		delete(files, folder+"0010_c.sql")
		assert.NoError(t, s.MigrateFiles(t.Context(), files), "an earlier version of the program")
		files[folder+"x_c.sql"] = &fstest.MapFile{}
		assert.ErrorContains(t, s.MigrateFiles(t.Context(), files), "x_c.sql")
	})
}
