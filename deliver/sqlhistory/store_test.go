package sqlhistory_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/history/historytest"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// A database is an empty one that a test may open several times.
type database struct {
	dialect     sqlhistory.Dialect
	driver, dsn string
}

func newDatabase(t testing.TB, dialect sqlhistory.Dialect) database {
	t.Helper()
	if dialect == sqlhistory.PostgreSQL {
		return database{dialect, "pgx", pgtest.Start(t)}
	}
	return database{dialect, "sqlite", "file:" + filepath.Join(t.TempDir(), "history.db") + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(20000)"}
}

func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(20)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// store is a further one of the same database.
func (d database) store(t testing.TB) (*sqlhistory.Store, *sql.DB) {
	t.Helper()
	db := d.open(t)
	s, err := sqlhistory.New(db, d.dialect, nil)
	require.NoError(t, err)
	return s, db
}

func newStore(t testing.TB, dialect sqlhistory.Dialect) (*sqlhistory.Store, *sql.DB) {
	t.Helper()
	s, db := newDatabase(t, dialect).store(t)
	require.NoError(t, s.Migrate(t.Context()))
	return s, db
}

// each runs a test on both databases.
func each(t *testing.T, test func(*testing.T, sqlhistory.Dialect)) {
	for _, d := range []sqlhistory.Dialect{sqlhistory.SQLite, sqlhistory.PostgreSQL} {
		t.Run(string(d), func(t *testing.T) { test(t, d) })
	}
}

var epoch = time.Date(2026, 4, 20, 14, 30, 0, 123456000, time.UTC)

func TestItIsAStore(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		historytest.Run(t, func(t *testing.T) history.Store {
			s, _ := newStore(t, dialect)
			return s
		})
	})
}

// IDs are in the order of their bytes in a database whose language has another.
func TestIDsAreBytesInAnyLanguage(t *testing.T) {
	d := newDatabase(t, sqlhistory.PostgreSQL)
	admin := d.open(t)
	var name string
	require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name))
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+"_en TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"); err != nil {
		t.Skipf("the server has no ICU: %v", err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+"_en WITH (FORCE)")
		assert.NoError(t, err)
	})
	d.dsn = strings.Replace(d.dsn, name, name+"_en", 1)
	s, db := d.store(t)
	var less bool
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT 'a' < 'B'").Scan(&less))
	require.True(t, less, "English it is")
	require.NoError(t, s.Migrate(t.Context()))
	var ids []string
	for _, id := range []string{"a", "B", "c", "-d"} {
		require.NoError(t, s.Record(t.Context(), history.Entry{ID: id, CreatedAt: epoch, UpdatedAt: epoch}))
	}
	for f := (history.Filter{Limit: 1}); ; {
		page, err := s.List(t.Context(), f)
		require.NoError(t, err)
		ids = append(ids, page.Entries[0].ID)
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	assert.Equal(t, []string{"c", "a", "B", "-d"}, ids)
}

// What two processes record of one entry is all there in the end.
func TestProcessesLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		const entries, processes, workers, attempts = 3, 2, 8, 6 // within the 100 attempts that an entry has
		d := newDatabase(t, dialect)
		var wg sync.WaitGroup
		for p := range processes {
			s, db := d.store(t)
			require.NoError(t, s.Migrate(t.Context()))
			for w := range workers {
				wg.Go(func() {
					for a := range attempts {
						for n := range entries {
							at := epoch.Add(time.Duration((p*workers+w)*attempts+a) * time.Second)
							e := history.Entry{
								ID: fmt.Sprint("entry-", n), LeadID: "lead-1", Status: history.Failed, CreatedAt: at, UpdatedAt: at,
								Attempts: []history.Attempt{{Attempt: deliver.Attempt{Number: 1, At: at}}},
							}
							var err error
							if w%2 == 0 {
								err = s.Record(t.Context(), e)
							} else {
								err = within(t.Context(), db, func(tx *sql.Tx) error { return s.RecordTx(t.Context(), tx, e) })
							}
							assert.NoError(t, err)
						}
					}
				})
			}
		}
		wg.Wait()
		s, _ := d.store(t)
		page, err := s.List(t.Context(), history.Filter{})
		require.NoError(t, err)
		require.Len(t, page.Entries, entries)
		for _, e := range page.Entries {
			assert.Len(t, e.Attempts, processes*workers*attempts)
			assert.Equal(t, epoch, e.CreatedAt)
			assert.Equal(t, epoch.Add((processes*workers*attempts-1)*time.Second), e.UpdatedAt)
		}
	})
}

// within runs a function in a transaction.
func within(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Recording, erasing and pruning the same entries at once ends, without an error.
func TestErasingWhileOthersRecord(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, _ := newStore(t, dialect)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for n := range 50 {
					at := epoch.Add(time.Duration(n) * time.Second)
					assert.NoError(t, s.Record(t.Context(), history.Entry{ID: "x", LeadID: "jane", Status: history.Failed, CreatedAt: at, UpdatedAt: at}))
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				for range 50 {
					_, err := s.EraseLead(t.Context(), "jane")
					assert.NoError(t, err)
					_, err = s.Prune(t.Context(), epoch.Add(time.Hour))
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestRecordTxIsTheCallers(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, db := newStore(t, dialect)
		first := history.Entry{ID: "x", Status: history.Failed, CreatedAt: epoch, UpdatedAt: epoch}
		second := history.Entry{ID: "x", Status: history.Delivered, CreatedAt: epoch, UpdatedAt: epoch.Add(time.Second)}
		for _, e := range []history.Entry{first, second} {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			require.NoError(t, s.RecordTx(t.Context(), tx, e))
			require.NoError(t, tx.Rollback())
		}
		_, err := s.Get(t.Context(), "x")
		require.ErrorIs(t, err, history.ErrNotFound, "rolled back")
		require.NoError(t, within(t.Context(), db, func(tx *sql.Tx) error {
			if err := s.RecordTx(t.Context(), tx, first); err != nil {
				return err
			}
			return s.RecordTx(t.Context(), tx, second)
		}))
		e, err := s.Get(t.Context(), "x")
		require.NoError(t, err)
		assert.Equal(t, history.Delivered, e.Status)
	})
}

func TestPruneTakesThousandsByTheThousand(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, db := newStore(t, dialect)
		fill(t, db, dialect, 5000, 10)
		counts, errs := make([]int, 3), make([]error, 3)
		var wg sync.WaitGroup
		for i := range counts { // several processes have the same job at night
			wg.Go(func() {
				counts[i], errs[i] = s.Prune(t.Context(), epoch.Add(3500*time.Second))
				left, err := s.List(t.Context(), history.Filter{Until: epoch.Add(3500 * time.Second)})
				assert.NoError(t, err)
				assert.Empty(t, left, "whoever took them, none is left")
			})
		}
		wg.Wait()
		assert.Equal(t, make([]error, 3), errs)
		assert.Equal(t, 3500, counts[0]+counts[1]+counts[2], "each entry is counted once")
		n, err := s.Prune(t.Context(), epoch.Add(time.Hour*24*365))
		require.NoError(t, err)
		assert.Equal(t, 1500, n)
	})
}

// A bound may lie between two microseconds; times that are kept do not.
func TestTimesAreExact(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, _ := newStore(t, dialect)
		zone := time.FixedZone("", 3600)
		require.NoError(t, s.Record(t.Context(), history.Entry{ID: "x", CreatedAt: epoch.Add(999).In(zone), UpdatedAt: epoch.Add(999).In(zone)}))
		require.NoError(t, s.Record(t.Context(), history.Entry{ID: "zero"}))
		e, err := s.Get(t.Context(), "x")
		require.NoError(t, err)
		assert.Equal(t, []time.Time{epoch, epoch}, []time.Time{e.CreatedAt, e.UpdatedAt})
		zero, err := s.Get(t.Context(), "zero")
		require.NoError(t, err)
		assert.True(t, zero.CreatedAt.IsZero())
		for _, d := range []time.Duration{-1000, -1, 0, 1, 999, 1000} {
			for _, f := range []history.Filter{{From: epoch.Add(d)}, {From: epoch.Add(-time.Hour), Until: epoch.Add(d)}} {
				page, err := s.List(t.Context(), f)
				require.NoError(t, err)
				assert.Equal(t, f.Matches(e), len(page.Entries) == 1, "%+v", f)
			}
		}
		n, err := s.Prune(t.Context(), epoch.Add(1))
		require.NoError(t, err)
		assert.Equal(t, 2, n)
	})
}

func TestStrangeTextsAreErrors(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, _ := newStore(t, dialect)
		ctx := t.Context()
		for text, want := range map[string]string{"a\x00b": "NUL", "a\xff": "UTF-8", strings.Repeat("ü", 401): "802 bytes"} {
			for name, e := range map[string]history.Entry{
				"ID": {ID: text}, "MessageID": {MessageID: text}, "EndpointID": {EndpointID: text}, "LeadID": {LeadID: text},
				"MessageType": {MessageType: text}, "Status": {Status: history.Status(text)}, "Cause": {Cause: deliver.Cause(text)},
			} {
				err := s.Record(ctx, e)
				assert.ErrorContains(t, err, want)
				assert.ErrorContains(t, err, name)
				assert.NotContains(t, err.Error(), text)
			}
			_, err := s.Get(ctx, text)
			assert.ErrorIs(t, err, history.ErrNotFound)
			n, err := s.EraseLead(ctx, text)
			assert.NoError(t, err)
			assert.Zero(t, n)
			for _, f := range []history.Filter{{EndpointID: text}, {LeadID: text}, {Status: history.Status(text)}, {Cause: deliver.Cause(text)}, {MessageType: text}} {
				page, err := s.List(ctx, f)
				assert.NoError(t, err)
				assert.Empty(t, page)
			}
			_, err = s.List(ctx, history.Filter{After: "1." + text})
			assert.ErrorContains(t, err, want)
		}
		for _, cursor := range []string{"1", "-", "1e3.x", "9223372036854775808.x", " 1.x"} {
			_, err := s.List(ctx, history.Filter{After: cursor})
			assert.Error(t, err, cursor)
			_, err = s.List(ctx, history.Filter{After: cursor, LeadID: "\x00"})
			assert.Error(t, err, cursor)
		}
		for _, cursor := range []string{"9223372036854775807.x", "-9223372036854775808.", "1.' OR 1=1 --", "1.?"} {
			_, err := s.List(ctx, history.Filter{After: cursor, From: epoch})
			assert.NoError(t, err, cursor)
		}

		long := strings.Repeat("x", 800)
		odd := history.Entry{
			ID: long, MessageID: long, EndpointID: long, LeadID: long, MessageType: long, Status: history.Status(long), Cause: deliver.Cause(long), CreatedAt: epoch, UpdatedAt: epoch,
			Host: "a?b{prefix}", Err: "a\x00b", Body: []byte("\x00\xff"), Outcome: deliver.Outcome{Reason: "\\u0000 \"'\xff"},
		}
		require.NoError(t, s.Record(ctx, odd))
		e, err := s.Get(ctx, long)
		require.NoError(t, err)
		odd.Reason = "\\u0000 \"'\ufffd"
		assert.Equal(t, odd, e, "elsewhere anything goes")
	})
}

func TestAnEndedContextIsAnError(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, db := newStore(t, dialect)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, s.Migrate(ctx), context.Canceled)
		assert.ErrorIs(t, s.Record(ctx, history.Entry{ID: "x"}), context.Canceled)
		_, err := s.List(ctx, history.Filter{})
		assert.ErrorIs(t, err, context.Canceled)
		_, err = s.Get(ctx, "x")
		assert.ErrorIs(t, err, context.Canceled)
		_, err = s.EraseLead(ctx, "x")
		assert.ErrorIs(t, err, context.Canceled)
		_, err = s.Prune(ctx, epoch)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, db.Stats().InUse)
	})
}

func TestABadSettingIsRefused(t *testing.T) {
	_, err := sqlhistory.New(nil, sqlhistory.SQLite, nil)
	assert.ErrorContains(t, err, "sql.Open")
	for _, dialect := range []sqlhistory.Dialect{"", "mysql", "SQLite"} {
		_, err := sqlhistory.New(&sql.DB{}, dialect, nil)
		assert.ErrorContains(t, err, "no dialect")
	}
	for _, prefix := range []string{"1a", "A", "a b", "a;b", "a\"", "public.", "ä", strings.Repeat("a", 31)} {
		_, err := sqlhistory.New(&sql.DB{}, sqlhistory.SQLite, &sqlhistory.Options{TablePrefix: prefix})
		assert.ErrorContains(t, err, "prefix", prefix)
	}
}

func TestPrefixesAreStoresOfTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		db := newDatabase(t, dialect).open(t)
		for _, prefix := range []string{"", "_", "b2_", strings.Repeat("a", 30)} {
			s, err := sqlhistory.New(db, dialect, &sqlhistory.Options{TablePrefix: prefix})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			require.NoError(t, s.Record(t.Context(), history.Entry{ID: "x"}))
			n, err := s.Prune(t.Context(), epoch)
			require.NoError(t, err)
			assert.Equal(t, 1, n)
		}
	})
}
