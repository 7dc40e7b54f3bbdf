package sqlhistory

import (
	"context"
	"io/fs"

	"github.com/topprovider/leadhook/deliver/history"
)

// Selection is what List asks the database.
func (s *Store) Selection(f history.Filter) (string, []any, error) { return s.selection(f) }

// MigrateFiles is Migrate with other files.
func (s *Store) MigrateFiles(ctx context.Context, files fs.FS) error { return s.migrate(ctx, files) }
