package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Names under which the test binary is another program.
const (
	asWriter = "write-until-killed" // directory and prefix of its ids
	asSecond = "be-second"          // directory
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case asWriter:
			exit(writeUntilKilled(os.Args[2], os.Args[3]))
		case asSecond:
			j, err := Open(os.Args[2], Options{})
			if err == nil {
				err = errors.Join(errors.New("two journals are open"), j.Close())
			} else if errors.Is(err, ErrLocked) {
				err = nil
			}
			exit(err)
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// killOptions make compactions frequent.
func killOptions() Options {
	return Options{CompactBytes: 30_000, ReserveBytes: 1 << 16}
}

// writeUntilKilled takes runs through their states from many goroutines, and
// says on standard output what was acknowledged.
func writeUntilKilled(dir, prefix string) error {
	j, err := Open(dir, killOptions())
	if err != nil {
		return err
	}
	if torn := j.Report().Torn; len(torn) > 0 {
		fmt.Printf("torn %d\n", torn[0].Length)
	}
	failed := make(chan error)
	for writer := range 8 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", prefix, writer, n)
				path := []State{Accepted, Starting, Started, Ended, Delivered}
				for _, s := range path[:len(path)-n%2] {
					data := fmt.Sprintf(`{"%s":"%s"}`, id, strings.Repeat("x", n*37%3000))
					if err := j.Append(Record{ID: id, State: s, Data: json.RawMessage(data)}); err != nil {
						failed <- err
						return
					}
					if _, err := fmt.Printf("ack %s %s %s\n", id, s, data); err != nil {
						failed <- err
						return
					}
				}
			}
		}()
	}
	return <-failed
}

// acknowledged is the last record of a run that a writer was told is durable.
type acknowledged struct {
	state State
	data  string
}

// A process is killed at 100 random moments of writing, compacting and opening,
// on a real disk, each time with the file of the one before: whatever was
// acknowledged is there.
func TestKill(t *testing.T) {
	random := newRandom(t)
	dir := t.TempDir()
	all := map[string]acknowledged{}
	kills, torn := 0, 0
	for round := 0; kills < 100; round++ {
		if round == 300 {
			t.Fatal("the writer is not killed while it writes")
		}
		got, tears := runWriter(t, dir, round, time.Duration(random.IntN(25))*time.Millisecond)
		if len(got) > 0 {
			kills++
		}
		torn += tears
		for id, a := range got {
			all[id] = a
		}
		if round%10 == 9 {
			checkAcknowledged(t, dir, all)
		}
	}
	checkAcknowledged(t, dir, all)
	t.Logf("%d runs were acknowledged, %d torn ends were met", len(all), torn)
}

// runWriter lets a writer run, kills it some time after it was started or after
// its first record, and returns what it said.
func runWriter(t *testing.T, dir string, round int, alive time.Duration) (got map[string]acknowledged, torn int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], asWriter, dir, fmt.Sprint("w", round))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got = map[string]acknowledged{}
	in := bufio.NewReader(out)
	kill := func() { time.AfterFunc(alive, func() { _ = cmd.Process.Kill() }) }
	var once sync.Once
	if round%2 == 0 {
		once.Do(kill)
	}
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			// An unfinished line is of a record that is acknowledged, too, but
			// it does not say of which.
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		once.Do(kill)
		var id, state, data string
		if _, err := fmt.Sscanf(text, "ack %s %s %s", &id, &state, &data); err == nil {
			got[id] = acknowledged{State(state), data}
		} else {
			torn++
		}
	}
	_ = cmd.Wait()
	if stderr.Len() > 0 {
		t.Fatalf("the writer failed: %s", stderr.String())
	}
	return got, torn
}

func checkAcknowledged(t *testing.T, dir string, all map[string]acknowledged) {
	t.Helper()
	j := open(t, dir, killOptions())
	defer j.Close()
	if lost := j.Report().Lost; len(lost) > 0 {
		t.Fatalf("%+v", lost)
	}
	for id, a := range all {
		run, ok := j.Run(id)
		if !ok || rankOf(run.State) < rankOf(a.state) {
			t.Fatalf("run %s: %s was acknowledged, the journal has %q", id, a.state, run.State)
		}
		if run.State == Delivered {
			continue
		}
		if data, err := j.Data(id, a.state); err != nil || string(data) != a.data {
			t.Fatalf("run %s, %s: %v", id, a.state, err)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	j := open(t, t.TempDir(), small())
	add(t, j, "a", Accepted, "")
	if out, err := exec.Command(os.Args[0], asSecond, j.dir).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	add(t, j, "a", Starting, "")
	reopen(t, j, small())
}
