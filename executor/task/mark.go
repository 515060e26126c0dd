package task

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/lockforge/lockforge/executor/sandbox"
)

// ErrRunning is the error for a run whose id has a child in this process already.
var ErrRunning = errors.New("a run with this id is under way")

// Where the bound that carries the marks is not lowered already, marks that
// are derived from ids have this range: two runs with one mark would have to
// have 61 bits of a hash in common. Marks of runs without an id count down
// from its lower end.
const (
	leastDerived = uint64(1) << 61
	mostDerived  = uint64(1)<<62 - 1
)

// derive returns the mark of the run with an id, for a process whose own is
// given: the same after a restart. 0 is none.
func derive(id string, own uint64) uint64 {
	sum := sha256.Sum256([]byte(id))
	hash := binary.BigEndian.Uint64(sum[:])
	switch {
	case own > mostDerived:
		return leastDerived | hash&(leastDerived-1)
	case own > 1:
		return 1 + hash%(own-1)
	default:
		return 0
	}
}

// newMark returns this process's own mark and that of a run: derived from its
// id, or another one that no run has. 0 is none, where none can be had.
func newMark(id string) (own, mark uint64, err error) {
	own, err = sandbox.Mark(os.Getpid())
	if err != nil {
		return 0, 0, nil
	}
	lineages.Lock()
	defer lineages.Unlock()
	if id == "" {
		for mark = min(own, leastDerived) - 1; lineages.marks[mark] && mark > 0; mark-- {
		}
	} else if mark = derive(id, own); lineages.marks[mark] {
		return 0, 0, fmt.Errorf("%w: %s", ErrRunning, id)
	}
	if mark == 0 || own == 0 {
		return own, 0, nil
	}
	lineages.marks[mark] = true
	return own, mark, nil
}
