package main

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"

	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// A database is one with River's tables, whatever its transactions are.
type database[TTx any] struct {
	name   string
	driver riverdriver.Driver[TTx]
	exec   func(query string) error
	empty  string // the query that leaves no job
	close  func()
}

// openSQLite makes a file as a host would have it: SQLite's own settings but for
// WAL, so that what is committed is on disk.
func openSQLite() *database[*sql.Tx] {
	dir, err := os.MkdirTemp("", "leadhook-bench-")
	must(err)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "queue.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	must(err)
	db.SetMaxOpenConns(1)
	return migrated(&database[*sql.Tx]{
		name:   "SQLite",
		driver: riversqlite.New(db),
		exec:   func(query string) error { _, err := db.Exec(query); return err },
		empty:  "DELETE FROM river_job",
		close:  func() { db.Close(); os.RemoveAll(dir) },
	})
}

// openPostgres starts a server with PostgreSQL's own settings.
func openPostgres() (*database[pgx.Tx], error) {
	dsn, stop, err := pgtest.Serve()
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(dsn)
	must(err)
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	must(err)
	return migrated(&database[pgx.Tx]{
		name:   "PostgreSQL",
		driver: riverpgxv5.New(pool),
		exec:   func(query string) error { _, err := pool.Exec(context.Background(), query); return err },
		empty:  "TRUNCATE river_job",
		close:  func() { pool.Close(); stop() },
	}), nil
}

func migrated[TTx any](db *database[TTx]) *database[TTx] {
	migrator, err := rivermigrate.New(db.driver, &rivermigrate.Config{Logger: quiet})
	must(err)
	_, err = migrator.Migrate(context.Background(), rivermigrate.DirectionUp, nil)
	must(err)
	return db
}

// clear leaves no job, and the tables as they are without leadhook.
func (db *database[TTx]) clear() {
	must(db.exec(db.empty))
	must(db.exec("DROP INDEX IF EXISTS leadhook_river_job_stream"))
}

// queue returns leadhook's over a client, for which it readies the tables.
func (db *database[TTx]) queue(client *river.Client[TTx]) *riverqueue.Queue[TTx] {
	queue, err := riverqueue.New(client, nil)
	must(err)
	must(queue.Migrate(context.Background()))
	return queue
}

var quiet = slog.New(slog.DiscardHandler)

// client returns River's with a configuration; the zero one only inserts.
func (db *database[TTx]) client(config river.Config) *river.Client[TTx] {
	config.Logger = quiet
	client, err := river.NewClient(db.driver, &config)
	must(err)
	return client
}
