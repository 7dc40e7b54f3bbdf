package sqlhistory

import (
	"context"
	"database/sql"
	"fmt"
)

// Tx returns a Store that works within tx, a transaction of the same database:
// what it changes is so when tx is committed, and never where it is rolled back;
// what it finds is what tx sees. Like tx it is for one goroutine. Its Migrate is
// an error, and its Prune is in one transaction: tx.
//
// Entries that it changes are locked until tx ends. Where one transaction records
// several, an order by ID keeps two of them from waiting for each other. After an
// error of PostgreSQL's there is nothing left to do but to roll back. A History
// tells its Options.OnError of an entry that was not recorded, and delivers all
// the same: roll back then too, for SQLite would commit the rest.
//
// The transaction should be READ COMMITTED in PostgreSQL; stricter ones can end in
// an error of serialization, and are then to be repeated. In SQLite it should begin
// with a write, or IMMEDIATE (_txlock=immediate): one that has read before can be
// refused a lock, without a wait.
func (s *Store) Tx(tx *sql.Tx) *Store { return s.within(sqlQuerier{tx}) }

// Pgx is Store.Tx for a transaction of github.com/jackc/pgx/v5:
//
//	var tx pgx.Tx // or *pgxpool.Tx
//	…
//	h, err := history.New(queue.Tx(tx), sqlhistory.Pgx(store, tx), nil)
//
// Go finds the type parameters. Where the Store's dialect is another than
// PostgreSQL, every method is an error.
func Pgx[Tag pgxTag, Rows pgxRows](s *Store, tx PgxTx[Tag, Rows]) *Store {
	if s.dialect != PostgreSQL {
		return s.within(noQuerier{fmt.Errorf("a pgx.Tx is PostgreSQL's, and the store is %s's", s.dialect)})
	}
	return s.within(pgxQuerier[Tag, Rows]{tx})
}

// A PgxTx is what Pgx needs of a pgx.Tx. It is written so that a host without pgx
// has nothing of it in its program; nobody has to name or implement it.
type PgxTx[Tag pgxTag, Rows pgxRows] interface {
	Exec(ctx context.Context, sql string, args ...any) (Tag, error)
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	// Commit is not called. A connection or a pool has none, and is none of these:
	// there, an entry would be merged without its lock.
	Commit(ctx context.Context) error
}

// pgxTag is a pgconn.CommandTag.
type pgxTag interface{ RowsAffected() int64 }

// pgxRows are pgx.Rows.
type pgxRows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// within is s in a transaction of the host's.
func (s *Store) within(q querier) *Store {
	tx := *s
	tx.q, tx.inTx = q, true
	return &tx
}

// A querier is the database, or a transaction.
type querier interface {
	// exec returns how many rows the statement concerned.
	exec(ctx context.Context, statement string, args ...any) (int64, error)
	query(ctx context.Context, statement string, args ...any) (rows, error)
}

// rows are those of database/sql, or behave as they do.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// sqlQuerier is an sql.DB or an sql.Tx.
type sqlQuerier struct {
	q interface {
		ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
	}
}

func (s sqlQuerier) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := s.q.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s sqlQuerier) query(ctx context.Context, statement string, args ...any) (rows, error) {
	return s.q.QueryContext(ctx, statement, args...)
}

type pgxQuerier[Tag pgxTag, Rows pgxRows] struct{ tx PgxTx[Tag, Rows] }

func (p pgxQuerier[Tag, Rows]) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := p.tx.Exec(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return tag.RowsAffected(), nil
}

func (p pgxQuerier[Tag, Rows]) query(ctx context.Context, statement string, args ...any) (rows, error) {
	rows, err := p.tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return closer{rows}, nil
}

// A closer closes pgx.Rows as sql.Rows are closed.
type closer struct{ pgxRows }

func (c closer) Close() error {
	c.pgxRows.Close()
	return c.Err()
}

// noQuerier is for a transaction that cannot be the database's.
type noQuerier struct{ err error }

func (n noQuerier) exec(context.Context, string, ...any) (int64, error) { return 0, n.err }
func (n noQuerier) query(context.Context, string, ...any) (rows, error) { return nil, n.err }

// A row is the first of a query's, and behaves as an sql.Row does.
type row struct {
	rows rows
	err  error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}
