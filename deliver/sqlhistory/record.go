package sqlhistory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/topprovider/leadhook/deliver/history"
)

// Record keeps e, or merges it with the entry of its ID, under a lock of that
// row. Errors are the database's, and that of an entry that no database keeps:
// see Store.
func (s *Store) Record(ctx context.Context, e history.Entry) error {
	record := s.recordAlone
	if s.inTx {
		record = s.record
	}
	if err := record(ctx, exact(e)); err != nil {
		return fmt.Errorf("sqlhistory: recording: %w", err)
	}
	return nil
}

// RecordTx is s.Tx(tx).Record(ctx, e).
func (s *Store) RecordTx(ctx context.Context, tx *sql.Tx, e history.Entry) error {
	return s.Tx(tx).Record(ctx, e)
}

func (s *Store) recordAlone(ctx context.Context, e history.Entry) error {
	// Most entries are new, and take one statement.
	if inserted, err := s.insert(ctx, e); inserted || err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, s.dialect.transaction())
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to do after Commit
	if err := s.Tx(tx).record(ctx, e); err != nil {
		return err
	}
	return tx.Commit()
}

// record begins with a write, which in SQLite takes the lock of a transaction
// that is not immediate, and waits for it.
func (s *Store) record(ctx context.Context, e history.Entry) error {
	for {
		if inserted, err := s.insert(ctx, e); inserted || err != nil {
			return err
		}
		before, err := s.get(ctx, e.ID, s.dialect.locked())
		if errors.Is(err, history.ErrNotFound) {
			continue // it was erased in between
		}
		if err != nil {
			return err
		}
		row, err := values(before.Merge(e))
		if err != nil {
			return err
		}
		_, err = s.exec(ctx, `UPDATE {prefix}history SET
			message_id = ?, endpoint_id = ?, lead_id = ?, message_type = ?, test = ?, status = ?, cause = ?,
			created_at = ?, updated_at = ?, document = ? WHERE id = ?`, append(row[1:], e.ID)...)
		return err
	}
}

// insert reports whether there was no entry of the ID.
func (s *Store) insert(ctx context.Context, e history.Entry) (bool, error) {
	if err := check(e); err != nil {
		return false, err
	}
	row, err := values(e)
	if err != nil {
		return false, err
	}
	n, err := s.exec(ctx, "INSERT INTO {prefix}history ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", row...)
	return n == 1, err
}
