package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errCrash = errors.New("crash")

// A compaction that ends anywhere leaves a directory with every record.
func TestInterruptedCompaction(t *testing.T) {
	for _, step := range []string{"written", "synced", "renamed"} {
		t.Run(step, func(t *testing.T) {
			dir, copied := scratch(t), filepath.Join(scratch(t), "copy")
			o := small()
			o.interrupt = func(at string) error {
				if at != step {
					return nil
				}
				if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
					t.Error(err)
				}
				return errCrash
			}
			// The journal is made without a crash, and compacted with one.
			if err := open(t, dir, small()).Close(); err != nil {
				t.Fatal(err)
			}
			j, err := Open(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			ids := someRuns(t, j)
			want := ask(t, j, ids)
			if err := j.Compact(); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, ask(t, open(t, copied, small()), ids)); diff != "" {
				t.Error("after a crash:", diff)
			}
			if _, err := os.Stat(filepath.Join(copied, newName)); !errors.Is(err, os.ErrNotExist) {
				t.Error("what the crash left is still there:", err)
			}
			err = j.Append(Record{ID: "later", State: Accepted})
			if known := step != "renamed"; known && err != nil || !known && !errors.Is(err, ErrFailed) {
				t.Error("going on without a crash:", err)
			}
			// Of the files of a failed journal, one was closed before.
			_ = j.Close()
			if diff := cmp.Diff(want, ask(t, open(t, dir, small()), ids)); diff != "" {
				t.Error("after closing it:", diff)
			}
		})
	}
}

// A crash while the new file is written leaves any beginning of it.
func TestHalfWrittenCompaction(t *testing.T) {
	random := newRandom(t)
	dir := scratch(t)
	j := open(t, dir, small())
	ids := someRuns(t, j)
	want := ask(t, j, ids)
	before, err := os.ReadFile(j.path(fileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(j.path(fileName))
	if err != nil {
		t.Fatal(err)
	}
	if len(after) >= len(before) {
		t.Errorf("%d bytes became %d", len(before), len(after))
	}
	copied := filepath.Join(scratch(t), "copy")
	for range 100 {
		place(t, copied, before)
		if err := os.WriteFile(filepath.Join(copied, newName), after[:random.IntN(len(after)+1)], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, copied, small())
		if diff := cmp.Diff(want, ask(t, j, ids)); diff != "" {
			t.Fatal(diff)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// someRuns appends runs in every state and returns their ids.
func someRuns(t *testing.T, j *Journal) (ids []string) {
	t.Helper()
	path := []State{Accepted, Starting, Started, Ended, Ended, Delivered}
	for i := range 30 {
		id := fmt.Sprint("run-", i)
		ids = append(ids, id)
		for n, s := range path[:1+i%len(path)] {
			add(t, j, id, s, fmt.Sprintf(`{"step":%d}`, n))
		}
	}
	return ids
}

// Compaction by itself keeps the file small, and nothing is lost by it.
func TestCompactionByItself(t *testing.T) {
	o := small()
	o.CompactBytes = 20_000
	j := open(t, scratch(t), o)
	largest := int64(0)
	for i := range 500 {
		id := fmt.Sprint("run-", i)
		add(t, j, id, Accepted, payload)
		if i%50 == 0 {
			continue
		}
		add(t, j, id, Ended, "")
		add(t, j, id, Delivered, "")
		largest = max(largest, j.Stats().Bytes)
	}
	// Ten runs with their requests, 490 short lines of others, twice.
	if largest > 250_000 {
		t.Errorf("the file had %d bytes", largest)
	}
	j = reopen(t, j, o)
	if got := j.Stats(); got.Live != 10 || got.Done != 490 {
		t.Errorf("%+v", got)
	}
	for i := 0; i < 500; i += 50 {
		wantData(t, j, fmt.Sprint("run-", i), map[State]string{Accepted: payload})
	}
}

// Delivered runs are forgotten by number and by age, oldest first, but some are
// remembered whatever the clock says.
func TestForgetting(t *testing.T) {
	now := start
	o := small()
	o.Now = func() time.Time { return now }
	o.KeepIDs, o.Keep = 1500, time.Hour
	j := open(t, scratch(t), o)
	deliver := func(from, to int) {
		for i := from; i < to; i++ {
			add(t, j, fmt.Sprint("run-", i), Accepted, "")
			add(t, j, fmt.Sprint("run-", i), Delivered, "")
		}
	}
	compact := func(oldest, newest int) {
		t.Helper()
		for range 2 {
			if err := j.Compact(); err != nil {
				t.Fatal(err)
			}
			for i := range newest {
				if _, ok := j.Run(fmt.Sprint("run-", i)); ok != (i >= oldest) {
					t.Fatalf("run-%d: remembered %v, but the oldest should be run-%d", i, ok, oldest)
				}
			}
			j = reopen(t, j, o)
		}
	}
	deliver(0, 1200)
	compact(0, 1200)
	deliver(1200, 2000)
	compact(500, 2000)
	now = now.Add(2 * time.Hour)
	compact(1000, 2000)
	deliver(2000, 2001)
	now = now.Add(100 * 365 * 24 * time.Hour)
	compact(1001, 2001)
	if err := j.Append(Record{ID: "run-1000", State: Accepted, Data: json.RawMessage("1")}); err != nil {
		t.Error("a run that was forgotten is new:", err)
	}
}
