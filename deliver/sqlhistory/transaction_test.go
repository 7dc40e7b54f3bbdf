package sqlhistory_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/history/historytest"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

// A transaction is a host's, and the store within it.
type transaction struct {
	*sqlhistory.Store
	commit, rollback func() error
}

// A begin begins one in the database of s.
type begin func(t testing.TB, s *sqlhistory.Store) transaction

func beginSQL(db *sql.DB) begin {
	return func(t testing.TB, s *sqlhistory.Store) transaction {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		t.Cleanup(func() { tx.Rollback() })
		return transaction{s.Tx(tx), tx.Commit, tx.Rollback}
	}
}

func beginPgx(t testing.TB, dsn string, mode pgx.QueryExecMode) begin {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	config.ConnConfig.DefaultQueryExecMode = mode
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return func(t testing.TB, s *sqlhistory.Store) transaction {
		t.Helper()
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { tx.Rollback(context.Background()) })
		return transaction{sqlhistory.Pgx(s, tx), func() error { return tx.Commit(t.Context()) }, func() error { return tx.Rollback(t.Context()) }}
	}
}

// modes are pgx's own, and the one that a pooler as PgBouncer may need: errors come
// later in it, and all values are texts.
var modes = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol}

// eachTransaction runs a test on each kind, with a store beside them.
func eachTransaction(t *testing.T, test func(*testing.T, *sqlhistory.Store, begin)) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		t.Run("sql.Tx", func(t *testing.T) {
			s, db := newStore(t, dialect)
			test(t, s, beginSQL(db))
		})
		if dialect == sqlhistory.SQLite {
			return
		}
		for _, mode := range modes {
			t.Run("pgx.Tx, "+mode.String(), func(t *testing.T) {
				d := newDatabase(t, dialect)
				s, _ := d.store(t)
				require.NoError(t, s.Migrate(t.Context()))
				test(t, s, beginPgx(t, d.dsn, mode))
			})
		}
	})
}

// oneByOne lets one goroutine at a time use a transaction, which is for one.
type oneByOne struct {
	history.Store
	mu sync.Mutex
}

func (s *oneByOne) Record(ctx context.Context, e history.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Store.Record(ctx, e)
}

func (s *oneByOne) List(ctx context.Context, f history.Filter) (history.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Store.List(ctx, f)
}

func TestATransactionIsAStore(t *testing.T) {
	eachTransaction(t, func(t *testing.T, s *sqlhistory.Store, begin begin) {
		historytest.Run(t, func(t *testing.T) history.Store {
			tx := begin(t, s)
			t.Cleanup(func() {
				page, err := s.List(context.Background(), history.Filter{})
				assert.NoError(t, err)
				assert.Empty(t, page, "nobody sees what is not committed")
			})
			return &oneByOne{Store: tx}
		})
	})
}

// What a transaction changes is so when it is committed, and only then.
func TestTransactionsAreAllOrNothing(t *testing.T) {
	eachTransaction(t, func(t *testing.T, s *sqlhistory.Store, begin begin) {
		entry := func(id string, status history.Status, minutes int) history.Entry {
			at := epoch.Add(time.Duration(minutes) * time.Minute)
			return history.Entry{ID: id, LeadID: "lead of " + id, Status: status, CreatedAt: at, UpdatedAt: at}
		}
		for _, e := range []history.Entry{entry("old", history.Failed, 0), entry("erased", history.Failed, 1), entry("merged", history.Failed, 2)} {
			require.NoError(t, s.Record(t.Context(), e))
		}
		all := func(s *sqlhistory.Store) (entries []string) {
			page, err := s.List(t.Context(), history.Filter{})
			require.NoError(t, err)
			for _, e := range page.Entries {
				entries = append(entries, e.ID+" "+string(e.Status))
			}
			return entries
		}
		before, after := []string{"merged failed", "erased failed", "old failed"}, []string{"new queued", "merged delivered"}
		for _, committed := range []bool{false, true} {
			tx := begin(t, s)
			require.NoError(t, tx.Record(t.Context(), entry("new", history.Queued, 4)))
			require.NoError(t, tx.Record(t.Context(), entry("merged", history.Delivered, 3)))
			n, err := tx.EraseLead(t.Context(), "lead of erased")
			require.NoError(t, err)
			assert.Equal(t, 1, n)
			n, err = tx.Prune(t.Context(), epoch.Add(time.Minute))
			require.NoError(t, err)
			assert.Equal(t, 1, n)
			assert.Equal(t, after, all(tx.Store))
			assert.Equal(t, before, all(s))
			if committed {
				require.NoError(t, tx.commit())
				assert.Equal(t, after, all(s))
			} else {
				require.NoError(t, tx.rollback())
				assert.Equal(t, before, all(s))
			}
			assert.Error(t, tx.Record(t.Context(), entry("late", history.Queued, 5)), "it is over")
		}
	})
}

func TestATransactionPrunesByTheThousand(t *testing.T) {
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		d := newDatabase(t, dialect)
		s, db := d.store(t)
		require.NoError(t, s.Migrate(t.Context()))
		fill(t, db, dialect, 2500, 10)
		kinds := []begin{beginSQL(db)}
		if dialect == sqlhistory.PostgreSQL {
			kinds = append(kinds, beginPgx(t, d.dsn, modes[0]))
		}
		for _, begin := range kinds {
			tx := begin(t, s)
			n, err := tx.Prune(t.Context(), epoch.Add(2200*time.Second))
			require.NoError(t, err)
			assert.Equal(t, 2200, n)
			require.NoError(t, tx.rollback())
		}
	})
}

// Two transactions have one entry at once: the second waits for the first, and
// merges with what that leaves.
func TestTransactionsMerge(t *testing.T) {
	d := newDatabase(t, sqlhistory.PostgreSQL)
	s, db := d.store(t)
	require.NoError(t, s.Migrate(t.Context()))
	kinds := map[string]begin{"sql.Tx": beginSQL(db), "pgx.Tx": beginPgx(t, d.dsn, modes[0])}
	for one, beginOne := range kinds {
		for two, beginTwo := range kinds {
			for _, c := range []struct {
				name     string
				stored   bool
				erases   bool
				commits  bool
				attempts []int
			}{
				{"new", false, false, true, []int{1, 2}},
				{"new, and rolled back", false, false, false, []int{2}},
				{"merged", true, false, true, []int{0, 1, 2}},
				{"merged, and rolled back", true, false, false, []int{0, 2}},
				{"erased", true, true, true, []int{2}},
			} {
				t.Run(fmt.Sprintf("%s after %s/%s", two, one, c.name), func(t *testing.T) {
					entry := func(attempt int) history.Entry {
						at := epoch.Add(time.Duration(attempt) * time.Second)
						return history.Entry{ID: t.Name(), LeadID: t.Name(), CreatedAt: at, UpdatedAt: at, Attempts: []history.Attempt{{Attempt: deliver.Attempt{Number: attempt, At: at}}}}
					}
					if c.stored {
						require.NoError(t, s.Record(t.Context(), entry(0)))
					}
					first, second := beginOne(t, s), beginTwo(t, s)
					if c.erases {
						_, err := first.EraseLead(t.Context(), t.Name())
						require.NoError(t, err)
					} else {
						require.NoError(t, first.Record(t.Context(), entry(1)))
					}
					recorded := make(chan error, 1)
					go func() { recorded <- second.Record(t.Context(), entry(2)) }()
					require.Eventually(t, func() bool {
						var waiting int
						return db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting) == nil && waiting == 1
					}, time.Minute, 5*time.Millisecond, "the second waits")
					if c.commits {
						require.NoError(t, first.commit())
					} else {
						require.NoError(t, first.rollback())
					}
					require.NoError(t, <-recorded)
					require.NoError(t, second.commit())
					e, err := s.Get(t.Context(), t.Name())
					require.NoError(t, err)
					var attempts []int
					for _, a := range e.Attempts {
						attempts = append(attempts, a.Number)
					}
					assert.Equal(t, c.attempts, attempts)
				})
			}
		}
	}
}

// A broken transaction is an error of each method, and of its commit.
func TestABrokenTransactionIsAnError(t *testing.T) {
	eachTransaction(t, func(t *testing.T, s *sqlhistory.Store, begin begin) {
		tx := begin(t, s)
		require.NoError(t, tx.rollback())
		everyMethod(t, tx.Store, "")
		assert.Error(t, tx.commit())
	})
	d := newDatabase(t, sqlhistory.PostgreSQL)
	db := d.open(t)
	unmade, err := sqlhistory.New(db, sqlhistory.PostgreSQL, nil)
	require.NoError(t, err)
	kinds := map[string]begin{"sql.Tx": beginSQL(db)}
	for _, mode := range modes {
		kinds["pgx.Tx, "+mode.String()] = beginPgx(t, d.dsn, mode)
	}
	for name, begin := range kinds {
		t.Run(name, func(t *testing.T) {
			tx := begin(t, unmade)
			assert.ErrorContains(t, tx.Record(t.Context(), history.Entry{ID: "x"}), "leadhook_history")
			everyMethod(t, tx.Store, "aborted")
			assert.Error(t, tx.commit())
		})
	}
}

// A connection may be lost within an answer.
func TestAnAnswerThatEndsEarlyIsAnError(t *testing.T) {
	s, err := sqlhistory.New(&sql.DB{}, sqlhistory.PostgreSQL, nil)
	require.NoError(t, err)
	for rows := range 2 {
		tx := sqlhistory.Pgx(s, lostTx{rows: rows})
		_, err = tx.Get(t.Context(), "x")
		assert.ErrorIs(t, err, errLost, "after %d rows", rows)
		page, err := tx.List(t.Context(), history.Filter{})
		assert.ErrorIs(t, err, errLost, "after %d rows", rows)
		assert.Empty(t, page)
		_, err = tx.Prune(t.Context(), epoch)
		assert.ErrorIs(t, err, errLost, "after %d rows", rows)
	}
}

var errLost = errors.New("the connection is lost")

// A lostTx is lost behind so many rows.
type lostTx struct {
	pgx.Tx
	rows int
}

func (tx lostTx) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return &lostRows{left: tx.rows}, nil
}

type lostRows struct {
	pgx.Rows
	left int
}

func (r *lostRows) Next() bool {
	r.left--
	return r.left >= 0
}

func (*lostRows) Scan(dest ...any) error {
	if text, ok := dest[len(dest)-1].(*[]byte); ok {
		*text = []byte("{}")
	}
	return nil
}

func (*lostRows) Err() error { return errLost }
func (*lostRows) Close()     {}

// Whatever a host does with a pgx.Tx and a store in SQLite is an error.
func TestPgxIsPostgreSQLs(t *testing.T) {
	s, _ := newStore(t, sqlhistory.SQLite)
	var tx pgx.Tx
	everyMethod(t, sqlhistory.Pgx(s, tx), "the store is sqlite's")
}

func everyMethod(t *testing.T, s *sqlhistory.Store, fails string) {
	t.Helper()
	assert.ErrorContains(t, s.Record(t.Context(), history.Entry{ID: "x"}), fails)
	_, err := s.List(t.Context(), history.Filter{})
	assert.ErrorContains(t, err, fails)
	_, err = s.Get(t.Context(), "x")
	assert.ErrorContains(t, err, fails)
	assert.NotErrorIs(t, err, history.ErrNotFound)
	_, err = s.EraseLead(t.Context(), "x")
	assert.ErrorContains(t, err, fails)
	_, err = s.Prune(t.Context(), epoch)
	assert.ErrorContains(t, err, fails)
}

func TestATransactionDoesNotMigrate(t *testing.T) {
	eachTransaction(t, func(t *testing.T, s *sqlhistory.Store, begin begin) {
		tx := begin(t, s)
		assert.ErrorContains(t, tx.Migrate(t.Context()), "call it of the Store that New returned")
		assert.NoError(t, tx.Record(t.Context(), history.Entry{ID: "x"}), "and it goes on")
	})
}

// A History stores what a lead's deliveries became together with the lead.
func TestAHistoryWithinATransaction(t *testing.T) {
	eachTransaction(t, func(t *testing.T, s *sqlhistory.Store, begin begin) {
		for i, committed := range []bool{false, true} {
			tx := begin(t, s)
			h, err := history.New(&delivertest.Fake{}, tx, &history.Options{OnError: func(_ context.Context, err error) { t.Error(err) }})
			require.NoError(t, err)
			id := fmt.Sprint("message-", i)
			_, err = h.Deliver(t.Context(), &deliver.Request{ID: id, EndpointID: "crm", LeadID: "jane", MessageType: "new_lead"})
			require.NoError(t, err)
			want := 0
			if committed {
				require.NoError(t, tx.commit())
				want = 1
			} else {
				require.NoError(t, tx.rollback())
			}
			page, err := s.List(t.Context(), history.Filter{LeadID: "jane"})
			require.NoError(t, err)
			assert.Len(t, page.Entries, want)
		}
	})
}
