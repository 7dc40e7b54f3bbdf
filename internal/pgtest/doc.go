// Package pgtest gives tests a PostgreSQL database of their own.
//
//	db, err := sql.Open("pgx", pgtest.Start(t))
//
// Where LEADHOOK_TEST_POSTGRES has a connection string, that server is used. Else
// one is started for the test binary, where initdb is found: in a temporary
// folder, on a Unix socket in it, without a port. It ends with the process,
// however that ends. [NewServer] gives a test a server that it may stop, and [Serve]
// one for measurements, with PostgreSQL's own settings. The package needs the
// standard library only.
package pgtest
