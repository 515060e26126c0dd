package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// start is when the tests' clocks begin.
var start = time.UnixMilli(1_800_000_000_000)

func fixed() time.Time { return start }

// small are options without a reserve, for tests that look at bytes.
func small() Options { return Options{Now: fixed, ReserveBytes: -1, CompactBytes: -1, company: -1} }

func open(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func reopen(t testing.TB, j *Journal, o Options) *Journal {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, j.dir, o)
}

func add(t testing.TB, j *Journal, id string, s State, data string) {
	t.Helper()
	if err := j.Append(Record{ID: id, State: s, Data: json.RawMessage(data)}); err != nil {
		t.Fatal(err)
	}
}

// wantData checks the data of states by their name; "" is none.
func wantData(t *testing.T, j *Journal, id string, want map[State]string) {
	t.Helper()
	for s, data := range want {
		got, err := j.Data(id, s)
		if err != nil || string(got) != data {
			t.Errorf("%s of %s: got %s, %v; want %s", s, id, got, err, data)
		}
	}
}

func TestFold(t *testing.T) {
	j := open(t, t.TempDir(), small())
	add(t, j, "a", Accepted, `{"recipe": "<x>"}`)
	add(t, j, "b", Accepted, `1`)
	add(t, j, "a", Starting, "")
	add(t, j, "c", Accepted, "")
	add(t, j, "a", Started, `{"pid":7}`)
	add(t, j, "b", Ended, `"first"`)
	add(t, j, "b", Ended, `"second"`)
	add(t, j, "c", Dropped, "")
	add(t, j, "d", Accepted, "")
	add(t, j, "d", Ended, "{}")
	add(t, j, "d", Delivered, "")
	at := start.UnixMilli()
	check := func(j *Journal) {
		t.Helper()
		want := []Run{{"a", Started, at, 1}, {"b", Ended, at, 2}}
		if diff := cmp.Diff(want, j.Runs()); diff != "" {
			t.Error(diff)
		}
		wantData(t, j, "a", map[State]string{Accepted: `{"recipe":"<x>"}`, Starting: "", Started: `{"pid":7}`})
		wantData(t, j, "b", map[State]string{Accepted: "1", Ended: `"second"`})
		for id, want := range map[string]State{"c": Dropped, "d": Delivered} {
			if got, ok := j.Run(id); !ok || got.State != want {
				t.Errorf("run %s: got %v, %v; want %s", id, got, ok, want)
			}
			if _, err := j.Data(id, Accepted); !errors.Is(err, ErrUnknown) {
				t.Errorf("data of run %s: %v", id, err)
			}
		}
		if _, ok := j.Run("e"); ok {
			t.Error("run e is known")
		}
	}
	check(j)
	j = reopen(t, j, small())
	check(j)
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	check(j)
	add(t, j, "e", Accepted, "")
	add(t, j, "e", Dropped, "")
	j = reopen(t, j, small())
	if _, ok := j.Run("e"); !ok {
		t.Error("what was appended after the compaction is gone")
	}
	if err := j.Append(Record{ID: "e", State: Accepted}); !errors.Is(err, ErrDuplicate) {
		t.Error(err)
	}
}

func TestOrderOfStates(t *testing.T) {
	all := []State{Accepted, Starting, Started, Ended, Delivered, Dropped}
	tests := []struct {
		path    []State
		allowed []State // for everything else there is an error
	}{
		{nil, []State{Accepted}},
		{[]State{Accepted}, []State{Starting, Started, Ended, Delivered, Dropped}},
		{[]State{Accepted, Starting}, []State{Started, Ended, Delivered, Dropped}},
		{[]State{Accepted, Starting, Started}, []State{Ended, Delivered, Dropped}},
		{[]State{Accepted, Ended}, []State{Ended, Delivered, Dropped}},
		{[]State{Accepted, Ended, Delivered}, nil},
		{[]State{Accepted, Dropped}, nil},
	}
	j := open(t, t.TempDir(), small())
	for i, test := range tests {
		allowed := map[State]bool{}
		for _, s := range test.allowed {
			allowed[s] = true
		}
		for _, next := range all {
			id := fmt.Sprintf("%d-%s", i, next)
			for _, s := range test.path {
				add(t, j, id, s, "")
			}
			err := j.Append(Record{ID: id, State: next})
			switch {
			case allowed[next] && err != nil:
				t.Errorf("%v then %s: %v", test.path, next, err)
			case !allowed[next] && next == Accepted && !errors.Is(err, ErrDuplicate):
				t.Errorf("%v then %s: %v", test.path, next, err)
			case !allowed[next] && next != Accepted && !errors.Is(err, ErrOrder):
				t.Errorf("%v then %s: %v", test.path, next, err)
			}
		}
	}
}

func TestInvalidRecords(t *testing.T) {
	j := open(t, t.TempDir(), small())
	tests := map[string]Record{
		"no id":         {State: Accepted},
		"long id":       {ID: string(make([]byte, MaxIDBytes+1)), State: Accepted},
		"newline in id": {ID: "a\nb", State: Accepted},
		"quote in id":   {ID: `a"b`, State: Accepted},
		"no state":      {ID: "a"},
		"other state":   {ID: "a", State: "running"},
		"no JSON":       {ID: "a", State: Accepted, Data: json.RawMessage("{")},
		"two values":    {ID: "a", State: Accepted, Data: json.RawMessage("1 2")},
		"too much":      {ID: "a", State: Accepted, Data: json.RawMessage(`"` + string(make([]byte, MaxDataBytes)) + `"`)},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			if err := j.Append(r); !errors.Is(err, ErrInvalid) {
				t.Error(err)
			}
		})
	}
	if j.Stats().Live != 0 {
		t.Error("something was taken")
	}
}

// Ten deliveries of one request at once: one is the first.
func TestOneOfManyAccepts(t *testing.T) {
	j := open(t, t.TempDir(), small())
	for round := range 20 {
		id := fmt.Sprint("run-", round)
		var won, lost int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				err := j.Append(Record{ID: id, State: Accepted})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, ErrDuplicate):
					lost++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won != 1 || lost != 9 {
			t.Fatalf("%d deliveries were taken and %d refused", won, lost)
		}
	}
}

// What is appended while the disk is busy shares the next fsync.
func TestGroupCommit(t *testing.T) {
	const writers = 64
	dir := t.TempDir()
	if err := open(t, dir, small()).Close(); err != nil {
		t.Fatal(err)
	}
	busy, free := make(chan bool), make(chan bool)
	o := small()
	o.interrupt = func(step string) error {
		if step == "written" {
			busy <- true
			<-free
		}
		return nil
	}
	j := open(t, dir, o)
	var all sync.WaitGroup
	all.Go(func() {
		if err := j.Compact(); err != nil {
			t.Error(err)
		}
	})
	<-busy
	for i := range writers {
		all.Go(func() { add(t, j, fmt.Sprint("run-", i), Accepted, payload) })
	}
	for queued := 0; queued < writers; {
		j.mu.Lock()
		queued = len(j.queue)
		j.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	close(free)
	all.Wait()
	if got := j.Stats(); got.Commits != 1 || got.Live != writers {
		t.Errorf("%+v", got)
	}
}

// A delivery waits for a record that somebody waits for, though not for long.
func TestDeliveriesAwaitCompany(t *testing.T) {
	for name, next := range map[string]func(*Journal){
		"company": func(j *Journal) { add(t, j, "b", Accepted, payload) },
		"none":    func(*Journal) { time.Sleep(company) },
		"closing": func(j *Journal) { _ = j.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := small()
				o.company = 0
				j := open(t, t.TempDir(), o)
				add(t, j, "a", Accepted, payload)
				told := make(chan error, 1)
				go func() { told <- j.Append(Record{ID: "a", State: Delivered}) }()
				synctest.Wait()
				if got := j.Stats(); got.Commits != 1 {
					t.Errorf("written at once: %+v", got)
				}
				next(j)
				if err := <-told; err != nil {
					t.Error(err)
				}
				if got := j.Stats(); got.Commits != 2 || got.Done != 1 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestTwoWriters(t *testing.T) {
	j := open(t, t.TempDir(), small())
	if _, err := Open(j.dir, small()); !errors.Is(err, ErrLocked) {
		t.Fatalf("the second writer got %v", err)
	}
	add(t, j, "a", Accepted, "")
	reopen(t, j, small())
}

// A writer that was killed may leave its lock to a child for a moment.
func TestWriterThatIsOnTheWayOut(t *testing.T) {
	j := open(t, t.TempDir(), small())
	time.AfterFunc(100*time.Millisecond, func() { _ = j.Close() })
	next, err := Open(j.dir, small())
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	j := open(t, t.TempDir(), small())
	add(t, j, "a", Accepted, "")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, dataErr := j.Data("a", Accepted)
	for name, err := range map[string]error{
		"append": j.Append(Record{ID: "b", State: Accepted}), "compact": j.Compact(), "data": dataErr,
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "journal")
	o := small()
	o.ReserveBytes = 4096
	j := open(t, dir, o)
	add(t, j, "a", Accepted, "")
	modes := map[string]os.FileMode{dir: 0o700 | os.ModeDir}
	for _, name := range []string{fileName, lockName, reserveName} {
		modes[filepath.Join(dir, name)] = 0o600
	}
	for path, want := range modes {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// What lies at a path that the journal opens must be a file of its own.
func TestForeignFiles(t *testing.T) {
	for _, name := range []string{fileName, lockName} {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if j, err := Open(dir, small()); err == nil {
			t.Errorf("%s may be a link", name)
			j.Close()
		}
	}
}

// A clock that goes backwards changes neither the order nor what is known.
func TestClockBackwards(t *testing.T) {
	now := start
	o := small()
	o.Now = func() time.Time { return now }
	j := open(t, t.TempDir(), o)
	for i := range 10 {
		add(t, j, fmt.Sprint("run-", i), Accepted, "")
		add(t, j, fmt.Sprint("done-", i), Accepted, "")
		add(t, j, fmt.Sprint("done-", i), Delivered, "")
		now = now.Add(-24 * time.Hour)
	}
	now = start.Add(-10 * 365 * 24 * time.Hour)
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	j = reopen(t, j, o)
	for i, run := range j.Runs() {
		if run.ID != fmt.Sprint("run-", i) {
			t.Errorf("run %d is %s", i, run.ID)
		}
	}
	if stats := j.Stats(); stats.Live != 10 || stats.Done != 10 {
		t.Errorf("%+v", stats)
	}
}
