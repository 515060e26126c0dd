package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// known is what a list of records amounts to, told in the simplest way: by id
// the data of each state, or the final state alone.
type known map[string]map[State]string

func (k known) add(r Record) {
	switch states := k[r.ID]; {
	case states[Delivered] != "" || states[Dropped] != "":
	case r.State == Delivered || r.State == Dropped:
		k[r.ID] = map[State]string{r.State: "yes"}
	case states == nil:
		k[r.ID] = map[State]string{r.State: string(r.Data)}
	default:
		states[r.State] = string(r.Data)
	}
}

// ask puts the same form together from what a journal answers about the ids.
func ask(t *testing.T, j *Journal, ids []string) known {
	t.Helper()
	k := known{}
	for _, id := range ids {
		run, ok := j.Run(id)
		if !ok {
			continue
		}
		k[id] = map[State]string{}
		if run.State == Delivered || run.State == Dropped {
			k[id][run.State] = "yes"
			continue
		}
		for _, s := range []State{Accepted, Starting, Started, Ended} {
			data, err := j.Data(id, s)
			if err == nil {
				k[id][s] = string(data)
			} else if !errors.Is(err, ErrUnknown) {
				t.Fatal(err)
			}
		}
	}
	return k
}

// specimen is the file of a journal, taken apart.
type specimen struct {
	bytes  []byte
	lines  []line
	ids    []string
	marker int // end of the marker
}

// makeSpecimen makes a journal with a snapshot, single records and batches.
func makeSpecimen(t *testing.T, random *rand.Rand) specimen {
	t.Helper()
	dir := scratch(t)
	j := open(t, dir, small())
	s := specimen{}
	grow := func(prefix string, n int) {
		for i := range n {
			id := fmt.Sprint(prefix, i)
			s.ids = append(s.ids, id)
			for _, state := range []State{Accepted, Starting, Started, Ended, Delivered}[:1+random.IntN(5)] {
				add(t, j, id, state, fmt.Sprintf(`{"%s":"%s"}`, state, strings.Repeat("x", random.IntN(60))))
			}
		}
	}
	grow("old-", 8)
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	grow("new-", 8)
	for b := range 4 {
		var batch []*pending
		for i := range 4 {
			id := fmt.Sprint("batch-", b, "-", i)
			s.ids = append(s.ids, id)
			batch = append(batch, &pending{Record: Record{ID: id, State: Accepted, At: 1, Data: json.RawMessage(`"y"`)}})
		}
		// The committer is idle, so the test may take its place.
		if err := j.write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.bytes, err = os.ReadFile(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	in := &scanner{r: bytes.NewReader(s.bytes), size: int64(len(s.bytes))}
	for l, err := in.next(); err == nil; l, err = in.next() {
		l.raw = nil
		s.lines = append(s.lines, l)
		if l.Format != 0 {
			s.marker = int(in.offset)
		}
	}
	return s
}

// end is where the JSON of line i ends.
func (s specimen) end(i int) int {
	if i+1 < len(s.lines) {
		return int(s.lines[i+1].offset) - 1
	}
	return len(s.bytes) - 1
}

// scratch is a directory in memory where there is one: these tests open
// thousands of journals, and look at bytes, not at a disk.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "journal")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// place puts bytes where a journal lies, in an empty directory.
func place(t *testing.T, dir string, content []byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// survive opens a damaged journal, repairs it where it must be, and checks that
// every intact record is there and that it can be written and opened again.
func survive(t *testing.T, dir string, content []byte, want known, ids []string) (opened bool, report Report) {
	t.Helper()
	place(t, dir, content)
	j, err := Open(dir, small())
	opened = err == nil
	var corrupt *CorruptError
	if !opened && (!errors.As(err, &corrupt) || len(corrupt.Damage) == 0) {
		t.Fatal(err)
	}
	if !opened {
		o := small()
		o.Repair = true
		if j, err = Open(dir, o); err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join(dir, j.Report().Copy))
		if err != nil || !bytes.Equal(kept, content) {
			t.Fatal("the damaged file was not kept", err)
		}
		if diff := cmp.Diff(corrupt.Damage, j.Report().Lost); diff != "" {
			t.Fatal(diff)
		}
	}
	report = j.Report()
	if diff := cmp.Diff(want, ask(t, j, ids)); diff != "" {
		t.Fatal(diff)
	}
	add(t, j, "after", Accepted, `"after"`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(dir, small()); err != nil {
		t.Fatal("opening it again: ", err)
	}
	if again := j.Report(); len(again.Torn)+len(again.Lost) > 0 {
		t.Fatalf("found again: %+v", again)
	}
	want["after"] = map[State]string{Accepted: `"after"`}
	if diff := cmp.Diff(want, ask(t, j, append(slices.Clone(ids), "after"))); diff != "" {
		t.Fatal("after opening it again:", diff)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return opened, report
}

func newRandom(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A file that ends anywhere: what is wholly there is kept, and the rest of a
// record is reported.
func TestTruncations(t *testing.T) {
	random := newRandom(t)
	s := makeSpecimen(t, random)
	dir := filepath.Join(scratch(t), "journal")
	for range 1000 {
		cut := random.IntN(len(s.bytes) + 1)
		want, partial := known{}, cut > 0 && s.bytes[cut-1] != '\n'
		for i, l := range s.lines {
			if s.end(i) <= cut && l.Format == 0 {
				want.add(l.Record)
			}
		}
		opened, report := survive(t, dir, s.bytes[:cut], want, s.ids)
		// The end of a snapshot was durable before the file got its name; only
		// the marker's own newline tells nothing.
		if inSnapshot := cut < s.marker-1; opened == inSnapshot {
			t.Fatalf("cut at %d, the marker ends at %d: opened: %v", cut, s.marker, opened)
		}
		if opened && partial != (len(report.Torn) == 1) {
			t.Fatalf("cut at %d: %+v", cut, report)
		}
	}
}

// Any byte becomes another one: only the record in which it lies is lost, and
// never without a report.
func TestByteFlips(t *testing.T) {
	random := newRandom(t)
	s := makeSpecimen(t, random)
	dir := filepath.Join(scratch(t), "journal")
	for range 1000 {
		at := random.IntN(len(s.bytes))
		content := bytes.Clone(s.bytes)
		content[at] ^= byte(1 + random.IntN(255))
		want := known{}
		for i, l := range s.lines {
			hit := int(l.offset) <= at && at < s.end(i)
			if !hit && l.Format == 0 {
				want.add(l.Record)
			}
		}
		opened, report := survive(t, dir, content, want, s.ids)
		damage := append(report.Lost, report.Torn...)
		if len(damage) == 0 {
			t.Fatalf("byte %d: nothing is reported", at)
		}
		if d := damage[0]; int64(at) < d.Offset || int64(at) >= d.Offset+d.Length {
			t.Fatalf("byte %d: reported %+v", at, damage)
		}
		if lastBatch := at >= int(s.lines[len(s.lines)-4].offset); opened && !lastBatch {
			t.Fatalf("byte %d lies in an acknowledged record, but opening succeeded", at)
		}
	}
}

// Several places at once, of any kind, never cost an intact record.
func TestMuchDamage(t *testing.T) {
	random := newRandom(t)
	s := makeSpecimen(t, random)
	dir := filepath.Join(scratch(t), "journal")
	for range 300 {
		content := bytes.Clone(s.bytes)
		hit := make([]bool, len(content))
		for range 1 + random.IntN(5) {
			at := random.IntN(len(content))
			n := min(1+random.IntN(200), len(content)-at)
			for i := at; i < at+n; i++ {
				content[i] = "\x00\n0{\xff"[random.IntN(5)]
				hit[i] = hit[i] || content[i] != s.bytes[i]
			}
		}
		want := known{}
		for i, l := range s.lines {
			if !slices.Contains(hit[l.offset:s.end(i)], true) && l.Format == 0 && s.reachable(hit, i) {
				want.add(l.Record)
			}
		}
		survive(t, dir, content, want, s.ids)
	}
}

// reachable says whether the beginning of line i can be told: the line before
// it is intact, or its newline is.
func (s specimen) reachable(hit []bool, i int) bool {
	if i == 0 || !hit[s.lines[i].offset-1] {
		return true
	}
	return !slices.Contains(hit[s.lines[i-1].offset:s.end(i-1)], true) && s.reachable(hit, i-1)
}

// Garbage of every kind in place of a journal.
func TestGarbage(t *testing.T) {
	random := newRandom(t)
	dir := filepath.Join(scratch(t), "journal")
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, content := range map[string][]byte{
		"empty": nil, "zeros": make([]byte, 1<<20), "noise": noise, "newlines": bytes.Repeat([]byte("\n"), 1<<20),
		"heads without bodies": bytes.Repeat([]byte("01fffff0 00000000 \n"), 10_000),
		"no newline":           bytes.Repeat([]byte("x"), 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			if opened, _ := survive(t, dir, content, known{}, nil); opened {
				t.Error("this was opened")
			}
		})
	}
}

// Whole records that are gone are noticed by their numbers.
func TestMissingRecords(t *testing.T) {
	s := makeSpecimen(t, newRandom(t))
	dir := filepath.Join(scratch(t), "journal")
	first := slices.IndexFunc(s.lines, func(l line) bool { return int(l.offset) >= s.marker })
	for i := first; i < len(s.lines)-1; i++ {
		content := slices.Concat(s.bytes[:s.lines[i].offset], s.bytes[s.end(i)+1:])
		want := known{}
		for k, l := range s.lines {
			if k != i && l.Format == 0 {
				want.add(l.Record)
			}
		}
		if opened, report := survive(t, dir, content, want, s.ids); opened || report.Lost[0].Offset != s.lines[i].offset {
			t.Fatalf("line %d: opened %v, %+v", i, opened, report)
		}
	}
	twice := slices.Concat(s.bytes, s.bytes[s.lines[len(s.lines)-1].offset:])
	want := known{}
	for _, l := range s.lines {
		if l.Format == 0 {
			want.add(l.Record)
		}
	}
	if opened, _ := survive(t, dir, twice, want, s.ids); opened {
		t.Error("a record that is there twice was taken")
	}
}

// The disk may have written the pages of the last batch in any order when the
// power went: what it did not write is zero. Of earlier batches nothing can be
// missing.
func TestPowerLoss(t *testing.T) {
	s := makeSpecimen(t, newRandom(t))
	dir := filepath.Join(scratch(t), "journal")
	for i := range s.lines {
		if int(s.lines[i].offset) < s.marker {
			continue
		}
		content := bytes.Clone(s.bytes)
		clear(content[s.lines[i].offset+5 : s.end(i)-1])
		want := known{}
		for k, l := range s.lines {
			if k != i && l.Format == 0 {
				want.add(l.Record)
			}
		}
		opened, report := survive(t, dir, content, want, s.ids)
		if lastBatch := i >= len(s.lines)-4; opened != lastBatch {
			t.Errorf("line %d of %d: opened %v, %+v", i, len(s.lines), opened, report)
		}
	}
}

// A record that is there again, behind a later one, changes nothing.
func TestRepeatedRecord(t *testing.T) {
	j := open(t, scratch(t), small())
	add(t, j, "a", Accepted, "")
	begin := j.Stats().Bytes
	add(t, j, "a", Ended, `"first"`)
	end := j.Stats().Bytes
	add(t, j, "a", Ended, `"second"`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(j.path(fileName))
	if err != nil {
		t.Fatal(err)
	}
	want := known{"a": {Accepted: "", Ended: `"second"`}}
	content = append(content, content[begin:end]...)
	if opened, _ := survive(t, filepath.Join(scratch(t), "journal"), content, want, []string{"a"}); opened {
		t.Error("the repeated record was taken")
	}
}

func TestLaterFormat(t *testing.T) {
	dir := filepath.Join(scratch(t), "journal")
	place(t, dir, appendLine(nil, entry{Format: format + 1}))
	if _, err := Open(dir, small()); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
}

// A byte that changes while the journal is open.
func TestDamageWhileOpen(t *testing.T) {
	j := open(t, scratch(t), small())
	add(t, j, "a", Accepted, `"secret of a"`)
	add(t, j, "b", Accepted, `"b"`)
	at := j.index.live["a"].refs[accepted]
	if _, err := j.f.WriteAt([]byte("X"), at.offset+int64(at.length)-4); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, err := j.Data("a", Accepted); !errors.As(err, &corrupt) || corrupt.Damage[0].Offset != at.offset {
		t.Error(err)
	}
	if err := j.Compact(); !errors.As(err, &corrupt) {
		t.Error("a compaction took damage along:", err)
	}
	add(t, j, "c", Accepted, "")
	wantData(t, j, "b", map[State]string{Accepted: `"b"`})
}
