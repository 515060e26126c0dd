package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// trail is a trail in memory: the lines of its files, by name.
type trail struct {
	names []string
	lines map[string][][]byte
}

func readTrail(t *testing.T, dir string) trail {
	t.Helper()
	files, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	tr := trail{lines: map[string][][]byte{}}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		tr.names = append(tr.names, name)
		tr.lines[name] = bytes.SplitAfter(text, []byte{'\n'})
		last := len(tr.lines[name]) - 1
		tr.lines[name] = tr.lines[name][:last] // behind the last newline is nothing
	}
	return tr
}

func (tr trail) clone() trail {
	c := trail{names: slices.Clone(tr.names), lines: map[string][][]byte{}}
	for name, lines := range tr.lines {
		for _, line := range lines {
			c.lines[name] = append(c.lines[name], bytes.Clone(line))
		}
	}
	return c
}

func (tr trail) write(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range tr.names {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Join(tr.lines[name], nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tampering changes a trail; it says whether it did, and whether that can be
// found without knowing the head.
type tampering func(t *testing.T, tr *trail, random *rand.Rand) (done, foundAlone bool)

// place is a random line: the file, its number there, and whether it is the last
// of the trail.
func (tr trail) place(random *rand.Rand) (name string, i int, last bool) {
	name = tr.names[random.IntN(len(tr.names))]
	i = random.IntN(len(tr.lines[name]))
	return name, i, name == tr.names[len(tr.names)-1] && i == len(tr.lines[name])-1
}

// rehash gives an edited line the hash that belongs to it.
func rehash(t *testing.T, r record) []byte {
	t.Helper()
	line, _, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func mustDecode(t *testing.T, line []byte) record {
	t.Helper()
	r, _, err := decode(bytes.TrimSuffix(line, []byte{'\n'}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var tamperings = map[string]tampering{
	"flip a byte": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		line := tr.lines[name][i]
		line[random.IntN(len(line))] ^= byte(1 + random.IntN(255))
		return true, true
	},
	"insert bytes": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		line := tr.lines[name][i]
		at := random.IntN(len(line))
		tr.lines[name][i] = slices.Insert(line, at, []byte(" \n{}")[random.IntN(4)])
		return true, true
	},
	"remove a byte": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		line := tr.lines[name][i]
		at := random.IntN(len(line))
		tr.lines[name][i] = slices.Delete(line, at, at+1)
		return true, true
	},
	"edit a record": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		old := tr.lines[name][i]
		tr.lines[name][i] = bytes.Replace(old, []byte(`"run":"run-1"`), []byte(`"run":"run-2"`), 1)
		return !bytes.Equal(old, tr.lines[name][i]), true
	},
	"edit a record and its hash": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, last := tr.place(random)
		r := mustDecode(t, tr.lines[name][i])
		r.At++
		tr.lines[name][i] = rehash(t, r)
		return true, !last
	},
	"remove a record": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, last := tr.place(random)
		tr.lines[name] = slices.Delete(tr.lines[name], i, i+1)
		return true, !last
	},
	"remove a record and number the rest": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, last := tr.place(random)
		tr.lines[name] = slices.Delete(tr.lines[name], i, i+1)
		for k := i; k < len(tr.lines[name]); k++ {
			r := mustDecode(t, tr.lines[name][k])
			r.Seq--
			tr.lines[name][k] = rehash(t, r)
		}
		return true, !last
	},
	"repeat a record": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		tr.lines[name] = slices.Insert(tr.lines[name], i, tr.lines[name][i])
		return true, true
	},
	"swap two records": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		a, i, _ := tr.place(random)
		b, k, _ := tr.place(random)
		tr.lines[a][i], tr.lines[b][k] = tr.lines[b][k], tr.lines[a][i]
		return a != b || i != k, true
	},
	"insert a forged record": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		r := mustDecode(t, tr.lines[name][i])
		forged := record{Seq: r.Seq, At: r.At, Kind: KindTaskEnded, Run: "run-9", Prev: r.Prev}
		tr.lines[name] = slices.Insert(tr.lines[name], i, rehash(t, forged))
		return true, true
	},
	"cut the end": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name := tr.names[len(tr.names)-1]
		tr.lines[name] = tr.lines[name][:random.IntN(len(tr.lines[name]))]
		return true, false
	},
	"cut the end within a record": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name := tr.names[len(tr.names)-1]
		i := random.IntN(len(tr.lines[name]))
		line := tr.lines[name][i]
		tr.lines[name] = append(tr.lines[name][:i:i], line[:random.IntN(len(line))])
		return true, false
	},
	"cut the end of a file": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name := tr.names[random.IntN(len(tr.names)-1)]
		tr.lines[name] = tr.lines[name][:random.IntN(len(tr.lines[name]))]
		return true, true
	},
	"cut the beginning of a file": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name := tr.names[random.IntN(len(tr.names))]
		cut := 1 + random.IntN(len(tr.lines[name]))
		all := name == tr.names[len(tr.names)-1] && cut == len(tr.lines[name])
		tr.lines[name] = tr.lines[name][cut:]
		return true, !all
	},
	"remove a file": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		i := random.IntN(len(tr.names))
		last := i == len(tr.names)-1
		delete(tr.lines, tr.names[i])
		tr.names = slices.Delete(tr.names, i, i+1)
		return true, !last
	},
	"move records to another file": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		i := random.IntN(len(tr.names) - 1)
		a, b := tr.names[i], tr.names[i+1]
		tr.lines[b] = append(tr.lines[b], tr.lines[a][0])
		tr.lines[a] = tr.lines[a][1:]
		return true, true
	},
	"end a file with a piece": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name := tr.names[random.IntN(len(tr.names)-1)]
		tr.lines[name] = append(tr.lines[name], []byte(`{"seq":`))
		return true, true
	},
	"write the chain anew": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		skip := uint64(1 + random.IntN(len(tr.lines[tr.names[0]])))
		tr.anew(t, genesis, func(r *record) {
			if r.Seq == skip {
				r.Run = "run-9"
			}
		})
		return true, false
	},
	"write the chain anew without a record": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, last := tr.place(random)
		tr.lines[name] = slices.Delete(tr.lines[name], i, i+1)
		tr.anew(t, genesis, func(*record) {})
		return true, !last
	},
	"write the chain anew with a number twice": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		name, i, _ := tr.place(random)
		from := mustDecode(t, tr.lines[name][i]).Seq
		tr.anew(t, genesis, func(r *record) {
			if r.Seq > from {
				r.Seq--
			}
		})
		return from < 44, true
	},
	"write the chain anew behind another one": func(t *testing.T, tr *trail, random *rand.Rand) (bool, bool) {
		tr.anew(t, hashOf(nil), func(*record) {})
		return true, true
	},
}

// anew changes records and gives them all the hashes that belong to them.
func (tr trail) anew(t *testing.T, prev string, change func(*record)) {
	t.Helper()
	for _, name := range tr.names {
		for i, line := range tr.lines[name] {
			r := mustDecode(t, line)
			change(&r)
			r.Prev = prev
			line, hash, err := r.encode()
			if err != nil {
				t.Fatal(err)
			}
			tr.lines[name][i], prev = line, hash
		}
	}
}

// Every kind of tampering, at random places: all of it is found by who knows
// the head, and all but a missing end and a new chain by anybody.
func TestVerifyFindsTampering(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "trail")
	o := options()
	o.FileBytes = 1500
	l := open(t, dir, o)
	for range 4 {
		add(t, l, everyKind()...)
	}
	want := Expect{Head: l.Head()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	original := readTrail(t, dir)
	if len(original.names) < 3 {
		t.Fatal("too few files to move records between")
	}
	for name, tamper := range tamperings {
		t.Run(name, func(t *testing.T) {
			for range 30 {
				tr := original.clone()
				done, foundAlone := tamper(t, &tr, random)
				if !done {
					continue
				}
				tr.write(t, dir)
				if report, err := Verify([]string{dir}, want); !found(err) {
					t.Fatalf("not found: %v\n%s", err, show(report, tr))
				}
				report, err := Verify([]string{dir}, Expect{})
				if foundAlone && !found(err) && report.Torn == 0 {
					t.Fatalf("not found without the head: %v\n%s", err, show(report, tr))
				}
			}
		})
	}
}

// found says whether a check has an answer that nobody takes for a good one.
func found(err error) bool { return errors.Is(err, ErrTampered) || errors.Is(err, ErrEmpty) }

func show(report Report, tr trail) string {
	text, _ := json.Marshal(report)
	out := fmt.Sprintf("%s\n", text)
	for _, name := range tr.names {
		out += fmt.Sprintf("%s:\n%s", name, bytes.Join(tr.lines[name], nil))
	}
	return out
}

// The report is bounded, however much was changed.
func TestFindingsAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trail")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x\n"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := Verify([]string{file}, Expect{})
	if !errors.Is(err, ErrTampered) || len(report.Findings) != MaxFindings || report.More != 4000 {
		t.Errorf("%d findings and %d more, %v", len(report.Findings), report.More, err)
	}
}

// A line of any length takes no more memory than the longest record.
func TestEndlessLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trail")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(64<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	allocated := testing.AllocsPerRun(1, func() {
		if report, err := Verify([]string{file}, Expect{}); !errors.Is(err, ErrEmpty) || report.Torn != 64<<20 {
			t.Errorf("%+v, %v", report, err)
		}
	})
	if allocated > 1000 {
		t.Errorf("%v allocations", allocated)
	}
}
