package poll_test

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/queue/poll"
)

// sweeper is a source that sweeps after an hour, with a clock that the test moves.
type sweeper struct {
	*poll.Source
	server *gmstest.Running
	now    time.Time
	off    time.Duration // how far off its own clock is
	before func()        // each write
	writes int
}

func startSweeper(t *testing.T, running ...string) *sweeper {
	t.Helper()
	s := &sweeper{now: time.Now(), before: func() {}}
	clock := func() time.Time { return s.now }
	s.server = gmstest.Start(t, gmstest.Options{Now: clock})
	client := client(t, s.server.URL(), patience)
	source, err := poll.New(poll.Options{
		Server: client, Now: func() time.Time { return s.now.Add(s.off) }, Running: func() []string { return running },
		Sweep: &poll.Sweep{Write: func(ctx context.Context, p gms.Proposal) error {
			s.writes++
			s.before()
			return client.Propose(ctx, p)
		}},
	})
	ok(t, err)
	s.Source = source
	return s
}

// add makes a run with a status.
func (s *sweeper) add(id, status, pool string) {
	s.server.AddRequest(id, map[string]any{"executorId": pool})
	if status != "" {
		s.server.SetResult(id, map[string]any{"status": status, "startTimeMs": 5, "report": "so far " + id})
	}
}

func (s *sweeper) statuses(ids ...string) map[string]string {
	got := map[string]string{}
	for _, id := range ids {
		r, _ := s.server.Result(id)
		got[id] = r.Status
	}
	return got
}

func TestSweepsWhatIsAbandoned(t *testing.T) {
	s := startSweeper(t, "own")
	s.add("gone", "RUNNING", "default")
	s.add("alive", "RUNNING", "default")
	s.add("own", "RUNNING", "default")
	s.add("elsewhere", "RUNNING", "us")
	s.add("failed", "FAILURE", "default")
	s.add("waiting", "", "default")
	for minute := range 13 {
		ok(t, s.SweepOnce(t.Context()))
		if r, _ := s.server.Result("gone"); minute < 12 && r.Status != "RUNNING" {
			t.Fatalf("swept after %d minutes", 5*minute)
		}
		s.now = s.now.Add(5 * time.Minute)
		s.server.SetResult("alive", map[string]any{"status": "RUNNING", "report": s.now.String()})
	}
	ok(t, s.SweepOnce(t.Context()))
	want := map[string]string{
		"gone": "ABORTED", "alive": "RUNNING", "own": "RUNNING", "elsewhere": "RUNNING", "failed": "FAILURE", "waiting": "",
	}
	if diff := cmp.Diff(want, s.statuses("gone", "alive", "own", "elsewhere", "failed", "waiting")); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if r, _ := s.server.Result("gone"); r.StartTimeMS != 5 || !strings.HasSuffix(r.Report, "so far gone") || !strings.Contains(r.Report, "crashed") {
		t.Errorf("the result is %+v", r)
	}
	if s.writes != 1 {
		t.Errorf("%d writes", s.writes)
	}
}

// A clock that jumps must end no run: an hour has to pass under the eyes of
// the process.
func TestSweepDoesNotTrustOneLook(t *testing.T) {
	s := startSweeper(t)
	s.add("a", "RUNNING", "default")
	s.now = s.now.Add(24 * time.Hour)
	ok(t, s.SweepOnce(t.Context()))
	s.now = s.now.Add(-25 * time.Hour)
	ok(t, s.SweepOnce(t.Context()))
	s.now = s.now.Add(25 * time.Hour)
	ok(t, s.SweepOnce(t.Context()))
	if diff := cmp.Diff(map[string]string{"a": "RUNNING"}, s.statuses("a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The server's record has the time of others; this host's says nothing of it.
func TestSweepsWithAClockThatIsWrong(t *testing.T) {
	for _, off := range []time.Duration{400 * 24 * time.Hour, -365 * 24 * time.Hour} {
		s := startSweeper(t)
		s.off = off
		s.add("gone", "RUNNING", "default")
		for minute := range 14 {
			ok(t, s.SweepOnce(t.Context()))
			if r, _ := s.server.Result("gone"); minute < 12 && r.Status != "RUNNING" {
				t.Fatalf("off by %s: swept after %d minutes", off, 5*minute)
			}
			s.now = s.now.Add(5 * time.Minute)
		}
		if diff := cmp.Diff(map[string]string{"gone": "ABORTED"}, s.statuses("gone")); diff != "" {
			t.Errorf("off by %s (-want +got):\n%s", off, diff)
		}
	}
}

// What happens between the look and the write must not be overwritten.
func TestSweepLosesRaces(t *testing.T) {
	for _, status := range []string{"SUCCESS", "FAILURE", "ABORTED", "RUNNING"} {
		t.Run(status, func(t *testing.T) {
			s := startSweeper(t)
			s.add("a", "RUNNING", "default")
			ok(t, s.SweepOnce(t.Context()))
			s.now = s.now.Add(2 * time.Hour)
			s.before = func() { s.server.SetResult("a", map[string]any{"status": status, "report": "theirs"}) }
			ok(t, s.SweepOnce(t.Context()))
			if r, _ := s.server.Result("a"); r.Status != status || r.Report != "theirs" || s.writes != 1 {
				t.Errorf("after %d writes: %+v", s.writes, r)
			}
		})
	}
}

func TestSweepTriesAgain(t *testing.T) {
	s := startSweeper(t)
	s.add("a", "RUNNING", "default")
	ok(t, s.SweepOnce(t.Context()))
	s.now = s.now.Add(2 * time.Hour)
	for _, fault := range []gmstest.Fault{{Path: "graphql", Status: 503}, {Path: "batchGet", Status: 503}, {Path: "ingestProposal", Status: 503}} {
		heal := s.server.Fail(fault)
		if err := s.SweepOnce(t.Context()); gms.KindOf(err) != gms.Unavailable {
			t.Errorf("%s: %v", fault.Path, err)
		}
		heal()
	}
	ok(t, s.SweepOnce(t.Context()))
	if diff := cmp.Diff(map[string]string{"a": "ABORTED"}, s.statuses("a")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSweepKeepsTheEndOfALongReport(t *testing.T) {
	s := startSweeper(t)
	s.add("a", "", "default")
	s.server.SetResult("a", map[string]any{"status": "RUNNING", "report": strings.Repeat("ä", poll.MaxKept) + "end"})
	ok(t, s.SweepOnce(t.Context()))
	s.now = s.now.Add(2 * time.Hour)
	ok(t, s.SweepOnce(t.Context()))
	r, _ := s.server.Result("a")
	if r.Status != "ABORTED" || len(r.Report) > poll.MaxKept+1000 || !strings.HasSuffix(r.Report, "äend") || !utf8.ValidString(r.Report) {
		t.Errorf("status %s, a report of %d bytes", r.Status, len(r.Report))
	}
}
