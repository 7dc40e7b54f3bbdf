package sqlhistory

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// A Dialect is the database that a Store talks to. The zero value is none.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgresql"
)

// begin starts a transaction of Migrate's. It must see what another process has
// committed once it has its lock.
func (d Dialect) begin() string {
	if d == PostgreSQL {
		return "BEGIN ISOLATION LEVEL READ COMMITTED"
	}
	return "BEGIN IMMEDIATE"
}

// transaction is how Record merges. A lock of SQLite's is the whole database's,
// and Record's first statement takes it.
func (d Dialect) transaction() *sql.TxOptions {
	if d == PostgreSQL {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return nil
}

// locked is what a SELECT ends in that locks its row.
func (d Dialect) locked() string {
	if d == PostgreSQL {
		return " FOR UPDATE"
	}
	return ""
}

// text writes a statement as the database takes it: with the names of its tables,
// and each ? numbered where it must be. No statement here has one in a literal.
func (s *Store) text(statement string) string {
	statement = strings.ReplaceAll(statement, "{prefix}", s.prefix)
	if s.dialect != PostgreSQL {
		return statement
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, ok := strings.Cut(statement, "?")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		statement = after
	}
}

// checkPrefix refuses what could not be a part of every name as it stands.
func checkPrefix(prefix string) error {
	for i, c := range []byte(prefix) {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return fmt.Errorf("sqlhistory: the table prefix %.40q has %q in it; it may have a to z, _, and digits but in front", prefix, c)
		}
	}
	if len(prefix) > maxPrefix {
		return fmt.Errorf("sqlhistory: the table prefix %.40q has %d characters; %d is the most", prefix, len(prefix), maxPrefix)
	}
	return nil
}

// maxPrefix leaves room for the names of indexes: PostgreSQL cuts names at 63.
const maxPrefix = 30
