package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"

	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

// A database keeps leads, jobs and history. TTx is a transaction of River's driver
// for it; nothing else differs from one database to the other.
type database[TTx any] struct {
	sql       *sql.DB // outside of transactions
	driver    riverdriver.Driver[TTx]
	history   *sqlhistory.Store
	historyTx func(TTx) history.Store // the same within a transaction
	poll      time.Duration           // how often River looks for jobs that it was not told of
	// inTx commits what do did, or rolls it back where that is an error. Within it
	// only row asks the database.
	inTx  func(ctx context.Context, do func(tx TTx, row query) error) error
	close func()
}

// A query asks for one row.
type query func(statement string, args ...any) interface{ Scan(...any) error }

// openSQLite opens a file. All share one connection: SQLite has one writer at a
// time, and those who wait for it do so here, in their order.
func openSQLite(file string) (*database[*sql.Tx], error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	store, err := sqlhistory.New(db, sqlhistory.SQLite, nil)
	if err != nil {
		return nil, err
	}
	return &database[*sql.Tx]{
		sql: db, driver: riversqlite.New(db),
		history:   store,
		historyTx: func(tx *sql.Tx) history.Store { return store.Tx(tx) },
		poll:      50 * time.Millisecond, // SQLite tells nobody of a commit
		close:     func() { db.Close() },
		inTx: func(ctx context.Context, do func(*sql.Tx, query) error) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback() // nothing to do after Commit
			err = do(tx, func(statement string, args ...any) interface{ Scan(...any) error } {
				return tx.QueryRowContext(ctx, statement, args...)
			})
			if err != nil {
				return err
			}
			return tx.Commit()
		},
	}, nil
}

// openPostgres opens a pool of so many connections, for River, leads and history.
func openPostgres(ctx context.Context, url string, connections int) (*database[pgx.Tx], error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	store, err := sqlhistory.New(db, sqlhistory.PostgreSQL, nil)
	if err != nil {
		return nil, err
	}
	return &database[pgx.Tx]{
		sql: db, driver: riverpgxv5.New(pool),
		history:   store,
		historyTx: func(tx pgx.Tx) history.Store { return sqlhistory.Pgx(store, tx) },
		poll:      time.Second, // for what LISTEN missed
		close:     func() { db.Close(); pool.Close() },
		inTx: func(ctx context.Context, do func(pgx.Tx, query) error) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				return do(tx, func(statement string, args ...any) interface{ Scan(...any) error } {
					return tx.QueryRow(ctx, statement, args...)
				})
			})
		},
	}, nil
}

// previous is what the lead was before its last change.
const leadsTable = "CREATE TABLE IF NOT EXISTS leads (id TEXT PRIMARY KEY, lead TEXT NOT NULL, previous TEXT)"

// migrate makes the tables, or brings them forward. Many processes may do so at
// once: each step is a transaction, of which one succeeds, and the others look
// again.
func (db *database[TTx]) migrate(ctx context.Context) error {
	migrator, err := rivermigrate.New(db.driver, nil)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err == nil {
			_, err = db.sql.ExecContext(ctx, leadsTable)
		}
		if err == nil {
			err = db.history.Migrate(ctx)
		}
		if err == nil || try == 20 || ctx.Err() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("making the tables: %w", err)
	}
	return nil
}
