package riverqueue

import (
	"context"
	"errors"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook/deliver/history"
)

// A Store is for the history.History that a Worker delivers through, where the
// history is in River's database. A delivery is recorded in the transaction that
// completes its job: both are known, or neither is. What is recorded elsewhere goes
// to the Store within.
//
//	kept, err := history.New(&deliver.HTTP{}, &riverqueue.Store[*sql.Tx]{
//		Store: store, // a *sqlhistory.Store
//		Tx:    func(tx *sql.Tx) history.Store { return store.Tx(tx) },
//	}, nil)
//	…
//	river.AddWorker(workers, &riverqueue.Worker[*sql.Tx]{Deliverer: kept, …})
type Store[TTx any] struct {
	history.Store
	// Tx returns that Store within a transaction, by sqlhistory's Store.Tx, or Pgx
	// for a pgx.Tx.
	Tx func(TTx) history.Store
}

var errNoTx = errors.New("riverqueue: the Store has no Tx")

// workKey is for the job that a context belongs to.
type workKey struct{}

// Record keeps e, and where it says that the job of ctx was delivered completes it.
func (s *Store[TTx]) Record(ctx context.Context, e history.Entry) error {
	job, _ := ctx.Value(workKey{}).(*river.Job[Job])
	if s.Tx == nil {
		return errNoTx
	}
	if job == nil || e.Status != history.Delivered && e.Status != history.Duplicate {
		return s.Store.Record(ctx, e)
	}
	driver := river.ClientFromContext[TTx](ctx).Driver()
	db, err := driver.GetExecutor().Begin(ctx)
	if err != nil {
		return err
	}
	defer db.Rollback(context.WithoutCancel(ctx)) // nothing to do after Commit
	tx := driver.UnwrapTx(db)
	if err := s.Tx(tx).Record(ctx, e); err != nil {
		return err
	}
	// It is not running any more where River took it for stuck.
	if _, err := river.JobCompleteTx[riverdriver.Driver[TTx]](ctx, tx, job); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
		return err
	}
	return db.Commit(ctx)
}
