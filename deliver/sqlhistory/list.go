package sqlhistory

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/topprovider/leadhook/deliver/history"
)

// List returns the entries that match f, the newest first: by CreatedAt, and by
// the bytes of the ID where that is the same. A cursor that is none is an error.
func (s *Store) List(ctx context.Context, f history.Filter) (history.Page, error) {
	page, err := s.list(ctx, f)
	if err != nil {
		return history.Page{}, fmt.Errorf("sqlhistory: listing: %w", err)
	}
	return page, nil
}

func (s *Store) list(ctx context.Context, f history.Filter) (page history.Page, err error) {
	statement, args, err := s.selection(f)
	if err != nil {
		return page, err
	}
	for _, text := range []string{f.EndpointID, f.LeadID, string(f.Status), string(f.Cause), f.MessageType} {
		if checkText(text) != nil { // no entry has it
			return page, nil
		}
	}
	rows, err := s.q.query(ctx, statement, args...)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	for rows.Next() {
		if len(page.Entries) == f.PageSize() { // there is one more
			page.Next = page.Entries[len(page.Entries)-1].Cursor()
			break
		}
		e, err := scan(rows)
		if err != nil {
			return history.Page{}, err
		}
		page.Entries = append(page.Entries, e)
	}
	return page, rows.Err()
}

// selection is the statement that finds a page and the row behind it. Its limit,
// and what partial indexes depend on, stand in the text: a plan that a database
// makes once for all arguments then fits too.
func (s *Store) selection(f history.Filter) (statement string, args []any, err error) {
	var where []string
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if f.EndpointID != "" {
		and("endpoint_id = ?", f.EndpointID)
	}
	if f.LeadID != "" {
		and("lead_id = ?", f.LeadID)
	}
	if f.Status != "" {
		and("status = ?", string(f.Status))
	}
	if f.Cause != "" {
		and("cause = ? AND cause <> ''", string(f.Cause))
	}
	if f.MessageType != "" {
		and("message_type = ?", f.MessageType)
	}
	if f.Test != nil {
		and("test = " + strings.ToUpper(strconv.FormatBool(*f.Test)))
	}
	if !f.From.IsZero() {
		and("created_at >= ?", ceil(f.From))
	}
	if !f.Until.IsZero() {
		and("created_at < ?", ceil(f.Until))
	}
	if f.After != "" {
		at, id, err := history.ParseCursor(f.After)
		if err != nil {
			return "", nil, err
		}
		if err := checkText(id); err != nil {
			return "", nil, fmt.Errorf("the cursor %w; take Page.Next as it is", err)
		}
		and("(created_at, id) < (?, ?)", at.UnixMicro(), id)
	}
	statement = "SELECT " + columns + " FROM {prefix}history"
	if len(where) > 0 {
		statement += " WHERE " + strings.Join(where, " AND ")
	}
	statement += " ORDER BY created_at DESC, id DESC LIMIT " + strconv.Itoa(f.PageSize()+1)
	return s.text(statement), args, nil
}
