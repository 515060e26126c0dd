package journal

import (
	"cmp"
	"crypto/sha256"
	"slices"
)

// ref is where a line lies in the file.
type ref struct {
	offset int64
	length int32 // without the newline
}

// live is a run whose result is not delivered: the last line of each state.
type live struct {
	rank  rank
	at    int64
	first uint64
	refs  [final]ref // by rank; length 0 where the run skipped a state
}

// key stands for an id that is only compared: 10,000 delivered runs cost less
// than 1 MiB, and no choice of ids makes two of them the same.
type key [16]byte

func keyOf(id string) (k key) {
	sum := sha256.Sum256([]byte(id))
	copy(k[:], sum[:])
	return k
}

// done is what stays of a run whose result is delivered or dropped: twice the
// time of its last record, plus one where it was dropped. There are many.
type done int64

func newDone(at int64, r rank) done { return done(2*at + int64(r-final)) }

func (d done) at() int64  { return int64(d) >> 1 }
func (d done) rank() rank { return final + rank(d&1) }

// index is the fold of a file. The data of records stays on the disk.
type index struct {
	live map[string]*live
	done map[key]done
}

func newIndex() index {
	return index{live: map[string]*live{}, done: map[key]done{}}
}

func (x index) rank(id string) rank {
	if run, ok := x.live[id]; ok {
		return run.rank
	}
	if end, ok := x.done[keyOf(id)]; ok {
		return end.rank()
	}
	return unknown
}

// apply folds a record in. It does not judge: after damage a file may begin in
// the middle of a run.
func (x index) apply(r Record, at ref) {
	next := rankOf(r.State)
	if next >= final {
		delete(x.live, r.ID)
		x.done[keyOf(r.ID)] = newDone(r.At, next)
		return
	}
	if x.rank(r.ID) >= final || next == unknown {
		return
	}
	run := x.live[r.ID]
	if run == nil {
		run = &live{first: r.Seq}
		x.live[r.ID] = run
	}
	run.rank, run.at = next, r.At
	run.refs[next] = at
}

// holds says whether the line at an offset is one that the fold needs.
func (x index) holds(r Record, offset int64) bool {
	run, ok := x.live[r.ID]
	return ok && rankOf(r.State) < final && run.refs[rankOf(r.State)].offset == offset
}

// Run is the state of one run.
type Run struct {
	ID    string
	State State
	At    int64  // of the last record, Unix milliseconds
	First uint64 // Seq of the first record: the order of acceptance; 0 after delivery
}

func (x index) run(id string) (Run, bool) {
	if run, ok := x.live[id]; ok {
		return Run{ID: id, State: states[run.rank], At: run.at, First: run.first}, true
	}
	if end, ok := x.done[keyOf(id)]; ok {
		return Run{ID: id, State: states[end.rank()], At: end.at()}, true
	}
	return Run{}, false
}

// runs returns the undelivered runs in the order of acceptance.
func (x index) runs() []Run {
	runs := make([]Run, 0, len(x.live))
	for id, run := range x.live {
		runs = append(runs, Run{ID: id, State: states[run.rank], At: run.at, First: run.first})
	}
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(a.First, b.First) })
	return runs
}
