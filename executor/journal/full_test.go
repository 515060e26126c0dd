package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

// payload is the data of a record that fills a disk.
var payload = `"` + strings.Repeat("x", 4000) + `"`

// fill accepts runs until the journal takes no more, and returns their ids.
func fill(t *testing.T, j *Journal, prefix string) (ids []string) {
	t.Helper()
	for i := range 1000 {
		id := fmt.Sprint(prefix, i)
		err := j.Append(Record{ID: id, State: Accepted, Data: json.RawMessage(payload)})
		if errors.Is(err, ErrFull) {
			return ids
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	t.Fatal("the disk does not fill up")
	return nil
}

// Runs that are going on can end on a full disk, no new one is accepted, and
// nothing that was acknowledged is missing.
func TestDiskFull(t *testing.T) {
	dir := filepath.Join(testenv.SmallDisk(t, "512k"), "journal")
	o := small()
	o.ReserveBytes = 64 << 10
	j := open(t, dir, o)
	ids := fill(t, j, "run-")
	if info, err := os.Stat(j.path(reserveName)); len(ids) < 50 || err != nil || info.Size() != o.ReserveBytes {
		t.Fatalf("%d runs fit; the reserve: %v, %v", len(ids), info, err)
	}
	for _, id := range ids {
		add(t, j, id, Starting, "")
	}
	for _, id := range ids[:4] {
		add(t, j, id, Ended, payload)
	}
	if err := j.Append(Record{ID: "another", State: Accepted}); !errors.Is(err, ErrFull) || !j.Stats().Full {
		t.Errorf("a new run: %v", err)
	}
	if err := j.Compact(); err == nil {
		t.Error("a compaction had space")
	}
	j = reopen(t, j, o)
	if got := j.Report(); len(got.Torn)+len(got.Lost) > 0 {
		t.Errorf("%+v", got)
	}
	if got := len(j.Runs()); got != len(ids) {
		t.Errorf("%d runs, want %d", got, len(ids))
	}
	for _, id := range ids[:4] {
		wantData(t, j, id, map[State]string{Accepted: payload, Ended: payload})
	}
	// Results are delivered, which takes little space, and give some back.
	for _, id := range ids {
		add(t, j, id, Delivered, "")
	}
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	if again := fill(t, j, "later-"); len(again) < 50 {
		t.Errorf("only %d runs fit after the compaction", len(again))
	}
}

// Somebody else fills the disk, and makes room again.
func TestDiskFullOfOthers(t *testing.T) {
	disk := testenv.SmallDisk(t, "512k")
	j := open(t, filepath.Join(disk, "journal"), small())
	add(t, j, "a", Accepted, payload)
	other := filepath.Join(disk, "other")
	if err := os.WriteFile(other, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	ids := fill(t, j, "b")
	// A record that fails leaves nothing that the next one would stand behind.
	for _, state := range []State{Starting, Ended} {
		if err := j.Append(Record{ID: "a", State: state, Data: json.RawMessage(payload)}); !errors.Is(err, ErrFull) {
			t.Errorf("%s: %v", state, err)
		}
	}
	j = reopen(t, j, small())
	if got := j.Report(); len(got.Torn)+len(got.Lost) > 0 {
		t.Errorf("a refused record left %+v", got)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	add(t, j, "a", Starting, payload)
	add(t, j, "c", Accepted, payload)
	j = reopen(t, j, small())
	if got := j.Report(); len(got.Torn)+len(got.Lost) > 0 || len(j.Runs()) != len(ids)+2 {
		t.Errorf("%+v with %d runs, want %d", got, len(j.Runs()), len(ids)+2)
	}
}

// A full disk does not keep an executor from starting, nor from taking up what
// a torn write left.
func TestOpenOnFullDisk(t *testing.T) {
	disk := testenv.SmallDisk(t, "512k")
	dir := filepath.Join(disk, "journal")
	o := small()
	o.ReserveBytes = 64 << 10
	j := open(t, dir, o)
	add(t, j, "a", Accepted, payload)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(j.path(reserveName)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(j.path(fileName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("000000ff 12"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disk, "other"), make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	j = open(t, dir, o)
	if got := j.Report(); len(got.Torn) != 1 || len(j.Runs()) != 1 {
		t.Errorf("%+v", got)
	}
	if err := j.Append(Record{ID: "b", State: Accepted}); !errors.Is(err, ErrFull) {
		t.Errorf("a new run: %v", err)
	}
	add(t, j, "a", Starting, "")
}

func TestMaxBytes(t *testing.T) {
	o := small()
	o.MaxBytes = 100_000
	j := open(t, t.TempDir(), o)
	ids := fill(t, j, "run-")
	if size := j.Stats().Bytes; size < o.MaxBytes || size > o.MaxBytes+5000 || !j.Stats().Full {
		t.Errorf("%+v", j.Stats())
	}
	for _, id := range ids {
		add(t, j, id, Ended, "")
		add(t, j, id, Delivered, "")
	}
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	add(t, j, "another", Accepted, "")
}

// After an error of which nobody knows what it did to the file, nothing is
// acknowledged any more.
func TestFailedDisk(t *testing.T) {
	j, err := Open(t.TempDir(), small())
	if err != nil {
		t.Fatal(err)
	}
	add(t, j, "a", Accepted, "1")
	if err := j.f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := j.Append(Record{ID: "b", State: Accepted}); !errors.Is(err, ErrFailed) {
			t.Error(err)
		}
	}
	if err := j.Compact(); err == nil {
		t.Error("compacted a failed journal")
	}
	if j.Stats().Failed == nil {
		t.Error("the statistics do not tell")
	}
	if err := j.Close(); err == nil {
		t.Error("closing does not tell")
	}
	again := open(t, j.dir, small())
	wantData(t, again, "a", map[State]string{Accepted: "1"})
}
