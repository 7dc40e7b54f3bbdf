package sqlhistory

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/topprovider/leadhook/deliver/history"
)

// Options adjust a Store. The zero value is the default.
type Options struct {
	// TablePrefix begins the names of tables and indexes: a to z, _ and digits, at
	// most 30. "" means leadhook_.
	TablePrefix string
}

// A Store keeps a history in a database. It is safe for concurrent use, by
// several processes too. New makes one; Migrate makes its tables.
//
// IDs, endpoint, lead, message and type are UTF-8 without a NUL, at most 800
// bytes each: an entry with others is an error. In the texts of an entry, what is
// not UTF-8 becomes U+FFFD; bodies stay as they are.
type Store struct {
	db      *sql.DB
	dialect Dialect
	prefix  string

	q    querier // db, or a transaction of the host's
	inTx bool
}

var _ history.Store = (*Store)(nil)

// New returns a Store in db, which stays the caller's to close. Nil options are
// the defaults. A db that is nil, an unknown dialect and a prefix that is no part
// of a name are errors; nothing is sent to the database.
func New(db *sql.DB, dialect Dialect, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	if db == nil {
		return nil, errors.New("sqlhistory: it takes a database; sql.Open gives one")
	}
	if dialect != SQLite && dialect != PostgreSQL {
		return nil, fmt.Errorf("sqlhistory: %.40q is no dialect; there are SQLite and PostgreSQL", string(dialect))
	}
	if err := checkPrefix(o.TablePrefix); err != nil {
		return nil, err
	}
	return &Store{db: db, dialect: dialect, prefix: cmp.Or(o.TablePrefix, "leadhook_"), q: sqlQuerier{db}}, nil
}

// Get returns one entry. Where there is none, the error is history.ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (history.Entry, error) {
	if checkText(id) != nil { // nothing of that name can be kept
		return history.Entry{}, history.ErrNotFound
	}
	return s.get(ctx, id, "")
}

func (s *Store) get(ctx context.Context, id, locked string) (history.Entry, error) {
	e, err := scan(s.queryRow(ctx, "SELECT "+columns+" FROM {prefix}history WHERE id = ?"+locked, id))
	if errors.Is(err, sql.ErrNoRows) {
		return history.Entry{}, history.ErrNotFound
	}
	if err != nil {
		return history.Entry{}, fmt.Errorf("sqlhistory: reading an entry: %w", err)
	}
	return e, nil
}

// EraseLead forgets all entries of a lead, in one statement, and returns how many
// they were.
func (s *Store) EraseLead(ctx context.Context, leadID string) (int, error) {
	if checkText(leadID) != nil {
		return 0, nil
	}
	n, err := s.exec(ctx, "DELETE FROM {prefix}history WHERE lead_id = ?", leadID)
	if err != nil {
		return 0, fmt.Errorf("sqlhistory: erasing a lead: %w", err)
	}
	return n, nil
}

// pruned is how many entries one statement of Prune forgets, about: few enough
// that nobody waits for its locks.
const pruned = 1000

// Prune forgets the entries that were created before a time, and returns how many
// they were. It takes them by the thousand, each in a transaction of its own: on
// an error, those before it are forgotten and counted.
func (s *Store) Prune(ctx context.Context, before time.Time) (int, error) {
	limit, all := ceil(before), 0
	for {
		// The batch's last row is its bound, rather than a count: another process
		// that prunes the same rows takes nothing away from what is left to do.
		var at int64
		var id string
		err := s.queryRow(ctx, fmt.Sprintf("SELECT created_at, id FROM {prefix}history WHERE created_at < ? ORDER BY created_at, id LIMIT 1 OFFSET %d", pruned-1), limit).Scan(&at, &id)
		last := errors.Is(err, sql.ErrNoRows)
		n := 0
		switch {
		case last:
			n, err = s.exec(ctx, "DELETE FROM {prefix}history WHERE created_at < ?", limit)
		case err == nil:
			n, err = s.exec(ctx, "DELETE FROM {prefix}history WHERE (created_at, id) <= (?, ?)", at, id)
		}
		all += n
		if err != nil {
			return all, fmt.Errorf("sqlhistory: pruning: %w", err)
		}
		if last {
			return all, nil
		}
	}
}

// exec returns how many rows a statement concerned.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (int, error) {
	n, err := s.q.exec(ctx, s.text(statement), args...)
	return int(n), err
}

// queryRow is for a statement that finds one row, or none.
func (s *Store) queryRow(ctx context.Context, statement string, args ...any) row {
	rows, err := s.q.query(ctx, s.text(statement), args...)
	return row{rows, err}
}
