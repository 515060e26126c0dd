// Package fetch brings every file of a lock into the content store: in
// parallel, resumed where an earlier run stopped, checked by size and sha256
// as it arrives, from a mirror where the first place does not deliver.
package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/store"
)

// parallel is how many files are fetched at a time. More bring nothing on a
// common line, and mirrors begin to answer 429.
const parallel = 8

// Source knows where locked files are, and reads them.
type Source interface {
	// URLs lists the places of a file, the preferred one first.
	URLs(ctx context.Context, f lock.File) ([]string, error)
	// Get opens a file so that the body begins at the offset, in bytes. It has
	// done the retries that make sense before it fails. size is looked at for
	// offset 0 only: the file's, or -1 where it is unknown.
	Get(ctx context.Context, url string, offset int64) (body io.ReadCloser, size int64, err error)
}

// All fetches the files that the store lacks, or has with damaged content.
// The sources are keyed by the kind of a file's origin: "debian" for
// "debian:<archive>", the origin itself where the map has it ("local"), and
// "index" for every other, which are names of Python indexes.
//
// A file that cannot be had does not stop the others; all such errors are
// joined, in the order of the file names. A disk error or the end of ctx stops
// everything. What was received of unfinished files is kept for the next call.
//
// Errors: fault.Integrity when bytes are not what the lock says;
// fault.Network when they cannot be had, matching index.ErrNotFound for a file
// that left its place; fault.Internal for the disk; fault.Cancelled.
func All(ctx context.Context, files []lock.File, s *store.Store, sources map[string]Source, sink progress.Sink) error {
	files = distinct(files)
	if len(files) == 0 {
		return nil
	}
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	total := newTotal(sink, files)
	r := run{store: s, sources: sources, sink: sink, total: total, stop: stop}
	group := errgroup.Group{}
	group.SetLimit(parallel)
	for _, f := range files {
		group.Go(func() error {
			if work.Err() == nil {
				r.note(f, r.file(work, f))
			}
			return nil
		})
	}
	_ = group.Wait() // r has the errors
	err := r.result(ctx, work)
	total.end(err)
	return err
}

// distinct drops repeated contents and puts large files first, which leaves
// less waiting for the last one.
func distinct(files []lock.File) []lock.File {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b lock.File) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.SHA256, b.SHA256), strings.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(files, func(a, b lock.File) bool { return a.SHA256 == b.SHA256 })
}

// run is the state of one call of All.
type run struct {
	store   *store.Store
	sources map[string]Source
	sink    progress.Sink
	total   *total
	stop    context.CancelCauseFunc

	mu       sync.Mutex
	failures []failure
}

type failure struct {
	name string
	err  error
}

// note keeps the outcome of a file. After a disk error no other file can do better.
func (r *run) note(f lock.File, err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, failure{f.Name, err})
	if isDisk(err) {
		r.stop(err)
	}
}

// result joins the failures; of a run that was stopped only the cause matters.
func (r *run) result(ctx, work context.Context) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Cancelled, context.Cause(ctx), "fetching files")
	}
	if work.Err() != nil {
		return context.Cause(work)
	}
	slices.SortFunc(r.failures, func(a, b failure) int { return strings.Compare(a.name, b.name) })
	errs := make([]error, len(r.failures))
	for i, f := range r.failures {
		errs[i] = f.err
	}
	return errors.Join(errs...)
}

// source picks the source of a file by the kind of its origin.
func (r *run) source(f lock.File) (Source, error) {
	kind, _, debian := strings.Cut(f.Origin, ":")
	if src, ok := r.sources[kind]; ok {
		return src, nil
	}
	if src, ok := r.sources["index"]; ok && !debian {
		return src, nil
	}
	return nil, fmt.Errorf("no source for files of origin %q", f.Origin)
}

// file makes sure that one file is in the store, intact.
func (r *run) file(ctx context.Context, f lock.File) error {
	if r.present(f) {
		r.total.present(f.Size)
		return nil
	}
	step := r.sink.Begin("fetch " + f.Name)
	err := r.fetch(ctx, f, step)
	step.End(err)
	return err
}

// present reports whether the store has the file with the right content. A
// damaged blob is removed by the look at it.
func (r *run) present(f lock.File) bool {
	if !r.store.Has(f.SHA256, f.Size) {
		return false
	}
	b, err := r.store.Open(f.SHA256)
	if err != nil {
		return false
	}
	return b.Close() == nil
}

// fetch gets one file from the first of its places that delivers it.
func (r *run) fetch(ctx context.Context, f lock.File, step progress.Step) error {
	src, err := r.source(f)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "fetching %s", f.Name)
	}
	urls, err := src.URLs(ctx, f)
	if err != nil {
		return explain(f, []error{err})
	}
	p, err := r.store.Begin(ctx, f.SHA256, f.Size)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "fetching %s", f.Name)
	}
	if p == nil { // another process was faster
		r.total.present(f.Size)
		return nil
	}
	d := &download{file: f, partial: p, source: src, step: step, total: r.total}
	return errors.Join(d.from(ctx, urls), p.Close())
}
