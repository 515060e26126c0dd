package journal

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxBatch bounds the bytes that are written together, unless one record has
// more.
const maxBatch = 4 << 20

// company is how long a delivery may wait to be written with other records.
const company = 20 * time.Millisecond

// pending is a record on its way to the disk.
type pending struct {
	Record
	done chan struct{} // closed when err is set
	err  error
}

// Append makes a record durable; a nil error says that it is. It gives the
// record its Seq, and the time where At is 0. It fails with ErrDuplicate,
// ErrOrder, ErrInvalid, ErrFull, ErrFailed or ErrClosed. After ErrFailed the
// record may be there when the journal is opened again; after the others it is
// not.
func (j *Journal) Append(r Record) error {
	data, err := r.check()
	if err != nil {
		return fmt.Errorf("journalling run %q: %w", r.ID, err)
	}
	r.Data = data
	if r.At == 0 {
		r.At = j.o.Now().UnixMilli()
	}
	p := &pending{Record: r, done: make(chan struct{})}
	if err := j.enqueue(p); err != nil {
		return fmt.Errorf("journalling run %s: %w", r.ID, err)
	}
	j.signal()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("journalling run %s: %w", r.ID, p.err)
	}
	return nil
}

// enqueue waits until no other record of the same run is on its way, for what
// may follow depends on what is durable.
func (j *Journal) enqueue(p *pending) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		if j.closed {
			return ErrClosed
		}
		if j.failed != nil {
			return fmt.Errorf("%w: %w", ErrFailed, j.failed)
		}
		other := j.busy[p.ID]
		if other == nil {
			break
		}
		j.mu.Unlock()
		<-other.done
		j.mu.Lock()
	}
	if err := j.index.rank(p.ID).follows(rankOf(p.State)); err != nil {
		return err
	}
	j.busy[p.ID] = p
	j.queue = append(j.queue, p)
	return nil
}

func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// commitAll is the one writer. It ends when the journal is closed and nothing
// is left to write.
func (j *Journal) commitAll() {
	defer close(j.gone)
	for range j.wake {
		j.awaitCompany()
		for j.commitNext() {
		}
		j.mu.Lock()
		end := j.closed && len(j.queue)+len(j.compactions) == 0
		j.mu.Unlock()
		if end {
			return
		}
	}
}

// awaitCompany lets deliveries wait for records that somebody waits for, to be
// written together with them: without a delivery's record a run is delivered
// again, which changes nothing, and nobody is held up by its delay.
func (j *Journal) awaitCompany() {
	timeout := time.NewTimer(j.o.company)
	defer timeout.Stop()
	for !j.urgent() {
		select {
		case <-j.wake:
		case <-timeout.C:
			return
		}
	}
}

// urgent says whether there is more to do than to write deliveries.
func (j *Journal) urgent() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closed || len(j.compactions) > 0 || slices.ContainsFunc(j.queue, func(p *pending) bool { return rankOf(p.State) < final })
}

// commitNext writes one batch, and compacts when that is due or asked for. It
// says whether there was something to do.
func (j *Journal) commitNext() bool {
	j.mu.Lock()
	batch := j.takeBatch()
	compactions := j.compactions
	j.compactions = nil
	j.mu.Unlock()
	if len(batch) > 0 {
		j.commit(batch)
	}
	if len(compactions) > 0 || j.size >= j.compactAt && j.failure() == nil {
		err := j.compact()
		for _, result := range compactions {
			result <- err
		}
	}
	return len(batch)+len(compactions) > 0
}

func (j *Journal) takeBatch() []*pending {
	n, size := 0, 0
	for n < len(j.queue) && (n == 0 || size+len(j.queue[n].Data) <= maxBatch) {
		size += len(j.queue[n].Data)
		n++
	}
	batch := j.queue[:n:n]
	j.queue = j.queue[n:]
	if len(j.queue) == 0 {
		j.queue = nil
	}
	return batch
}

// commit writes a batch. When the disk is full, runs that are new are refused
// for the benefit of those that want to end, which get the reserve.
func (j *Journal) commit(batch []*pending) {
	batch = j.refuse(batch, j.room)
	if len(batch) == 0 {
		return
	}
	err := j.write(batch)
	if !errors.Is(err, ErrFull) {
		j.finish(batch, err)
		return
	}
	batch = j.refuse(batch, func() error { return err })
	if len(batch) > 0 {
		j.unreserve()
	}
	for _, p := range batch {
		one := []*pending{p}
		j.finish(one, j.write(one))
	}
}

// refuse answers the new runs of a batch with an error, if there is one, and
// returns the rest.
func (j *Journal) refuse(batch []*pending, reason func() error) []*pending {
	rest := batch[:0:0]
	for _, p := range batch {
		var err error
		if p.State == Accepted {
			err = reason()
		}
		if err != nil {
			j.finish([]*pending{p}, err)
		} else {
			rest = append(rest, p)
		}
	}
	return rest
}

// room says why no run is accepted.
func (j *Journal) room() error {
	if j.size >= j.o.MaxBytes {
		return fmt.Errorf("%w: it has %d bytes; the limit is %d", ErrFull, j.size, j.o.MaxBytes)
	}
	j.mu.Lock()
	reserved := j.reserved
	j.mu.Unlock()
	if reserved {
		return nil
	}
	if j.reserve(); !j.Stats().Full {
		return nil
	}
	return fmt.Errorf("%w: the disk has no %d bytes in reserve for the runs that are going on", ErrFull, j.o.ReserveBytes)
}

// write makes a batch durable or leaves no trace of it. An error that is not
// ErrFull is final.
func (j *Journal) write(batch []*pending) error {
	if err := j.failure(); err != nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	var lines []byte
	refs := make([]ref, len(batch))
	for i, p := range batch {
		p.Seq = j.seq + 1 + uint64(i)
		begin := len(lines)
		lines = appendLine(lines, entry{Batch: j.seq + 1, Record: p.Record})
		refs[i] = ref{j.size + int64(begin), int32(len(lines) - begin - 1)}
	}
	_, err := j.f.WriteAt(lines, j.size)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return j.rollBack(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commits++
	j.size += int64(len(lines))
	j.seq += uint64(len(batch))
	for i, p := range batch {
		j.index.apply(p.Record, refs[i])
	}
	return nil
}

// rollBack removes what a failed write left. Only a full disk is known to have
// done no more than that.
func (j *Journal) rollBack(cause error) error {
	if noSpace(cause) {
		err := errors.Join(j.f.Truncate(j.size), j.f.Sync())
		if err == nil {
			return fmt.Errorf("%w: %w", ErrFull, cause)
		}
		cause = errors.Join(cause, err)
	}
	j.fail(cause)
	return fmt.Errorf("%w: %w", ErrFailed, cause)
}

func (j *Journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = err
}

func (j *Journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

// finish answers the callers.
func (j *Journal) finish(batch []*pending, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range batch {
		p.err = err
		delete(j.busy, p.ID)
		close(p.done)
	}
}
