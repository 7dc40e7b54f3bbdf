// Package sqlhistory keeps the history of deliveries in SQLite or PostgreSQL: a
// history.Store on database/sql, with the driver that the host chooses.
//
//	db, err := sql.Open("pgx", "postgres://…") // github.com/jackc/pgx/v5/stdlib
//	…
//	store, err := sqlhistory.New(db, sqlhistory.PostgreSQL, nil)
//	…
//	err = store.Migrate(ctx)
//	…
//	h, err := history.New(&deliver.HTTP{}, store, nil)
//
// # Databases
//
// PostgreSQL, by pgx's stdlib; it is tested with version 15. The tables are where
// the connection's search_path says, in a database encoded in UTF-8.
//
// SQLite 3.37 or later, which has strict tables, by modernc.org/sqlite. A
// connection that finds the database locked must wait, and readers should not:
// open it with
//
//	sql.Open("sqlite", "file:history.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
//
// A database in memory is one for each connection: db.SetMaxOpenConns(1) makes
// them one.
//
// # Tables
//
// leadhook_history has a row for each entry: what is searched for in columns,
// the rest in a JSON document. Times are microseconds since 1970 in UTC:
// to_timestamp(created_at / 1e6) in PostgreSQL, datetime(created_at / 1000000,
// 'unixepoch') in SQLite. leadhook_history_migrations says what Migrate did.
// Options.TablePrefix gives them other names.
//
// # Pages
//
// A page is read off an index, without a sort, and as fast at the end of a list
// as at its beginning: for a Filter's endpoint, endpoint and status, lead, status,
// cause, times, and for test deliveries. Other conditions are checked row by row
// along the one that fits best: what matches one row in a million takes a while.
//
// # Several processes
//
// An entry is merged under a lock of its row, so that processes that record the
// same one lose nothing.
//
// # Transactions
//
// Store.Tx, and Pgx for a pgx.Tx, give a Store within a transaction of the host's.
// A lead, the jobs of its deliveries and the entries that say "queued" are then
// stored together or not at all:
//
//	h, err := history.New(queue.Tx(tx), store.Tx(tx), nil) // deliver/riverqueue on SQLite
//	h, err := history.New(queue.Tx(tx), sqlhistory.Pgx(store, tx), nil) // and on PostgreSQL
//
// EraseLead belongs in the transaction that deletes the host's own lead. A
// History around deliver.HTTP does not: tx would be open while it sends.
//
// With db.SetMaxOpenConns(1), tx has the only connection. A Store beside it waits
// for that: for ever, where the same goroutine is to end tx.
//
// A host on pgxpool has its db for New from stdlib.OpenDBFromPool.
//
// # Keeping
//
// Nothing is forgotten by itself: call Prune daily, by way of example, and
// EraseLead where a person asks for it.
package sqlhistory
