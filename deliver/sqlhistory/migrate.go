package sqlhistory

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// One folder for each dialect, one file for each version: 0001_history.sql. A
// file that was released is never changed.
//
//go:embed migrations
var migrations embed.FS

// migrationLock is the key of an advisory lock in PostgreSQL. The number says
// nothing; it only must stay the same.
const migrationLock = 7_205_518_360_911

// Migrate makes the tables, or brings those of an earlier version forward, in one
// transaction: all of it happens, or nothing. It may be called by many processes
// at once, of which one does the work, and as often as one likes. What a later
// version of the package has made is left as it is.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.migrate(ctx, migrations); err != nil {
		return fmt.Errorf("sqlhistory: migrating: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, files fs.FS) (err error) {
	if s.inTx {
		return errors.New("it is not for a transaction of the host's; call it of the Store that New returned")
	}
	steps, err := steps(files, s.dialect)
	if err != nil {
		return err
	}
	// A connection rather than an sql.Tx, which cannot begin IMMEDIATE.
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, s.dialect.begin()); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		if _, rollbackErr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); rollbackErr != nil {
			conn.Raw(func(any) error { return driver.ErrBadConn }) // nobody may go on within the transaction
		}
	}()
	if s.dialect == PostgreSQL {
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock("+strconv.Itoa(migrationLock)+")"); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, s.text("CREATE TABLE IF NOT EXISTS {prefix}history_migrations (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)")); err != nil {
		return err
	}
	var done sql.NullInt64
	if err := conn.QueryRowContext(ctx, s.text("SELECT max(version) FROM {prefix}history_migrations")).Scan(&done); err != nil {
		return err
	}
	for _, step := range steps {
		if step.version <= done.Int64 {
			continue
		}
		if _, err := conn.ExecContext(ctx, s.text(step.sql)); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if _, err := conn.ExecContext(ctx, s.text("INSERT INTO {prefix}history_migrations (version, applied_at) VALUES (?, ?)"), step.version, time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// A step is one file.
type step struct {
	version   int64
	name, sql string
}

// steps are those of a dialect, the earliest first.
func steps(files fs.FS, dialect Dialect) (all []step, err error) {
	names, err := fs.Glob(files, path.Join("migrations", string(dialect), "*.sql"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s has no version in front", name)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, step{version, name, string(text)})
	}
	slices.SortFunc(all, func(a, b step) int { return int(a.version - b.version) })
	return all, nil
}
