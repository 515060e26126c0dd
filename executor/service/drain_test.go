package service_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// takesTime is a run of two seconds.
const takesTime = `sed 's/.*run_id.": ."\([^"\\]*\).*/\1/' >>$DIR/starts
sleep 2
`

// TestDrainSaysWhatIsLeft drains an executor with a run going on, one that
// waits, and a server that is away. The next executor does what was left.
func TestDrainSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	p := newPlace(t, takesTime, "LOCKFORGE_EXECUTOR_SOURCES=poll", "DATAHUB_GMS_TOKEN=abc-t0ken")
	server := gmstest.Start(t, gmstest.Options{})
	p.env = append(p.env, "DATAHUB_GMS_URL="+server.URL())
	few := append([]string{}, p.env...)
	p.env = append(p.env, "DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=1", "LOCKFORGE_EXECUTOR_DRAIN_WAIT=0", "DATAHUB_EXECUTOR_GRACEFUL_SHUTDOWN_PERIOD=1", "LOCKFORGE_EXECUTOR_GMS_TIMEOUT=1")
	e := p.serve()
	request(server, "drain-first")
	p.eventually("start", func() bool { return p.started("drain-first") })
	request(server, "drain-second")
	p.eventually("a run that waits", func() bool {
		values, _ := p.scrape()
		return values[`lockforge_executor_waiting_tasks{thread_pool_name="ingestions"}`] == 1
	})
	server.Stop()
	e.drain()
	var got struct {
		Msg             string
		Waiting         int
		Undelivered     int
		WaitingRuns     string `json:"waiting_runs"`
		UndeliveredRuns string `json:"undelivered_runs"`
		State, Next     string
	}
	for line := range strings.Lines(e.said.String()) {
		if strings.Contains(line, `"msg":"drained`) {
			must(t, json.Unmarshal([]byte(line), &got))
		}
	}
	if !strings.Contains(got.Next, "the next executor with this state directory") {
		t.Errorf("it says of the next: %q", got.Next)
	}
	got.Next = ""
	want := got
	want.Msg, want.Waiting, want.Undelivered, want.State = "drained; not everything is done", 1, 1, p.path("state")
	want.WaitingRuns, want.UndeliveredRuns = "drain-second", "drain-first"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	must(t, server.Restart())
	p.env = few
	e = p.serve()
	server.WaitStatus(t, "drain-first", limit, "FAILURE")
	server.WaitStatus(t, "drain-second", limit, "SUCCESS")
	e.drain()
	if !strings.Contains(e.said.String(), `"msg":"drained"`) {
		t.Error("nothing is left, and it does not say so")
	}
}
