package testenv

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tries is how often Quick lets others have the caches and the processors.
	tries = 10
	// patience is how many times its limit something may take in all, waiting
	// for a processor included.
	patience = 5
)

// Quick checks that do, in the best of its tries, has a processor work for limit
// at most, in this process and in the children that it waits for. It may wait
// longer than that, since the machine is not the test's alone, but not many
// times longer. What other tests do meanwhile counts, so it is for those that
// run by themselves.
func Quick(t testing.TB, limit time.Duration, do func()) {
	t.Helper()
	best := time.Duration(1<<63 - 1)
	for range tries {
		start, worked := time.Now(), processorTime(t)
		do()
		took := max(processorTime(t)-worked, time.Since(start)/patience)
		if best = min(best, took); best <= limit {
			return
		}
	}
	t.Errorf("it took %s at best, of at most %s", best.Round(time.Millisecond), limit)
}

// processorTime is that of this process, and of its children that ended.
func processorTime(t testing.TB) (sum time.Duration) {
	t.Helper()
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if err := unix.Getrusage(who, &usage); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return sum
}
