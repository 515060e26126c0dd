package integration_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

// TestSignalThatKafkaDoesNotBring cancels a run whose signal has reached
// nobody, or another executor of the group: it is at the server.
func TestSignalThatKafkaDoesNotBring(t *testing.T) {
	t.Parallel()
	p := newKafkaPlace(t, kafkatest.Shared(t), 1)
	e := p.start().serving()
	p.request("run", act{MS: 60_000})
	p.awaitStart("run")
	p.quiet(true)
	p.gms.Signal("run", "KILL", "")
	p.ends("run", "CANCELLED")
	e.drain()
	p.settled("run")
}

// TestEphemeralState ends at SIGTERM what waits, where the journal goes, too;
// where it stays, the next process goes on.
func TestEphemeralState(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ ephemeral, status string }{{"true", "FAILURE"}, {"false", "SUCCESS"}} {
		t.Run(tt.ephemeral, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			one := []string{"DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=1", "LOCKFORGE_EXECUTOR_STATE_EPHEMERAL=" + tt.ephemeral, "LOCKFORGE_EXECUTOR_DRAIN_WAIT=1"}
			e := p.start(one...).serving()
			p.request("long", act{MS: 60_000})
			p.awaitStart("long")
			p.request("waiting", act{})
			p.eventually(endLimit, "second run in the journal", func() bool { return strings.Contains(p.records(), `"run":"waiting"`) })
			e.drain()
			p.ends("long", "FAILURE")
			p.start(one...).serving()
			r := p.ends("waiting", tt.status)
			if started := len(p.started("waiting")); (started == 1) != (tt.status == "SUCCESS") {
				t.Errorf("started %d times; its report:\n%s", started, r.Report)
			}
		})
	}
}

// TestRecoveryIsOnRecord has an executor die within a run: the next one says in
// the trail what it found, and in its log where the trail ends.
func TestRecoveryIsOnRecord(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	p.request("recovered", act{MS: 60_000})
	p.awaitStart("recovered")
	e.kill()
	e = p.start().serving()
	p.ends("recovered", "FAILURE")
	e.drain()
	if text := p.records(); !strings.Contains(text, `"recovery"`) || !strings.Contains(text, `"orphans":1`) {
		t.Errorf("the trail has no recovery of one run:\n%s", tail(text))
	}
	report, err := audit.Verify([]string{p.path("audit")}, audit.Expect{})
	must(t, err)
	if said := e.said.String(); !strings.Contains(said, fmt.Sprintf("%q", report.Head)) {
		t.Errorf("the log has no head %s:\n%s", report.Head, tail(said))
	}
}

// records is the text of the audit trail.
func (p *place) records() string {
	p.t.Helper()
	files, err := filepath.Glob(p.path("audit/*.jsonl"))
	must(p.t, err)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(p.t, err)
		all.Write(text)
	}
	return all.String()
}

// TestTornJournal kills executors and cuts the last record of their journals
// somewhere, as a crash of the machine does. That record is the one of a child's
// start; the one before it says that there may be a child.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	file := p.path("state/journal/journal")
	var ids []string
	for i := range 10 {
		id := fmt.Sprintf("torn-%d", i)
		ids = append(ids, id)
		e := p.start().serving()
		p.request(id, act{MS: 60_000, Detach: true})
		pid := p.awaitStart(id)
		var text []byte
		begin := 0
		p.eventually(endLimit, "record of the start", func() bool {
			var err error
			text, err = os.ReadFile(file)
			must(t, err)
			begin = bytes.LastIndexByte(text[:max(0, len(text)-1)], '\n') + 1
			return bytes.Contains(text[begin:], []byte(strconv.Itoa(pid)))
		})
		e.kill()
		must(t, os.Truncate(file, int64(begin+random.IntN(len(text)-begin))))
		e = p.start().serving()
		p.ends(id, "FAILURE")
		if isAlive(pid) {
			t.Errorf("the child of run %s lives", id)
		}
		e.drain()
	}
	p.settled(ids...)
	p.trail()
}

// TestWayOnWithDamagedJournal follows the hint that a damaged journal gets.
func TestWayOnWithDamagedJournal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	p.request("one", act{})
	p.ends("one", "SUCCESS")
	e.drain()
	file := p.path("state/journal/journal")
	text, err := os.ReadFile(file)
	must(t, err)
	text[len(text)/3] ^= 1
	must(t, os.WriteFile(file, text, 0o600))

	e = p.start()
	<-e.ended
	if said := e.said.String(); !strings.Contains(said, "hint: `executor journal repair`") || e.cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("code %d, and it says:\n%s", e.cmd.ProcessState.ExitCode(), tail(said))
	}
	repair := exec.Command(program(t), "journal", "repair")
	repair.Env = p.env
	out, err := repair.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the damaged file is ") {
		t.Fatalf("repairing: %v\n%s", err, out)
	}
	e = p.start().serving()
	p.request("two", act{})
	p.ends("two", "SUCCESS")
	e.drain()
}
