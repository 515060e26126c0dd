package poll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/queue/poll"
)

var (
	_ queue.Source = (*poll.Source)(nil)
	_ poll.Server  = (*gms.Client)(nil)
)

// at is a time of a request: so many seconds before now.
func at(before int) map[string]any {
	return map[string]any{"requestedAt": time.Now().Add(-time.Duration(before) * time.Second).UnixMilli()}
}

func TestHandsOverWhatIsToBeRun(t *testing.T) {
	server, source := start(t, poll.Options{Pools: []string{"default", "eu"}})
	with := func(before int, more map[string]any) map[string]any {
		input := at(before)
		for key, value := range more {
			input[key] = value
		}
		return input
	}
	server.AddRequest("newest", at(1))
	server.AddRequest("old", at(60*60*47))
	server.AddRequest("too-old", at(60*60*49))
	server.AddRequest("in-eu", with(30, map[string]any{"executorId": "eu", "args": map[string]string{"recipe": "{}"}}))
	server.AddRequest("in-us", with(30, map[string]any{"executorId": "us"}))
	server.AddRequest("of-the-cli", with(30, map[string]any{"executorId": "__datahub_cli_"}))
	server.AddRequest("poolless", with(20, map[string]any{"executorId": nil}))
	server.AddRequest("malformed", with(10, map[string]any{"args": []string{"recipe"}}))
	server.AddRequest("has..dots", at(5))
	for _, status := range []string{"RUNNING", "SUCCESS", "FAILURE", "CANCELLED"} {
		id := "is-" + status
		server.AddRequest(id, at(40))
		server.SetResult(id, map[string]any{"status": status})
	}
	h := &handler{}
	ok(t, source.PollRequests(t.Context(), h))
	if diff := cmp.Diff([]string{"old", "in-eu", "poolless", "malformed", "newest"}, h.ids()); diff != "" {
		t.Fatalf("handed over (-want +got):\n%s", diff)
	}
	want := queue.Request{
		ID: "in-eu", Task: queue.RunIngest, Pool: "eu", Args: map[string]string{"recipe": "{}"}, Origin: "MANUAL_INGESTION_SOURCE",
		IngestionSource: "urn:li:dataHubIngestionSource:test", Actor: "urn:li:corpuser:datahub", RequestedAt: h.requests[1].RequestedAt, Via: "gms",
	}
	if diff := cmp.Diff(want, h.requests[1]); diff != "" {
		t.Errorf("the request (-want +got):\n%s", diff)
	}
	if r := h.requests[3]; r.Problem == "" || r.Via != "gms" {
		t.Errorf("the malformed request comes as %+v", r)
	}

	reads := asked(server, "batchGet")
	ok(t, source.PollRequests(t.Context(), h))
	if n, _ := h.taken(); n != 5 {
		t.Errorf("%d requests after the second pass", n)
	}
	if again := asked(server, "batchGet"); again != reads {
		t.Errorf("the second pass makes %d reads of aspects", again-reads)
	}
}

func TestStaleSearch(t *testing.T) {
	server, source := start(t, poll.Options{})
	server.SetStaleness(time.Hour)
	server.AddRequest("a", nil)
	h := &handler{}
	ok(t, source.PollRequests(t.Context(), h))
	if n, _ := h.taken(); n != 0 {
		t.Fatalf("%d requests, though search knows of none", n)
	}
	server.SetStaleness(0)
	ok(t, source.PollRequests(t.Context(), h))
	if diff := cmp.Diff([]string{"a"}, h.ids()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What search says is old, repeated, out of order or wrong; only the store counts.
func TestListsThatAreWrong(t *testing.T) {
	server, _ := start(t, poll.Options{})
	server.AddRequest("a", at(3))
	server.AddRequest("b", at(2))
	server.AddRequest("done", at(1))
	server.AddRequest("elsewhere", map[string]any{"executorId": "us"})
	server.SetResult("done", map[string]any{"status": "SUCCESS"})
	lies := altered{client(t, server.URL(), patience), func(list []gms.RequestSummary) []gms.RequestSummary {
		for i := range list {
			list[i].Status, list[i].Pool = "", ""
		}
		slices.Reverse(list)
		list = append(list, list...)
		list[0].RequestedAt = time.Unix(0, 0)
		for _, urn := range []string{
			queue.URN("never-was"), queue.URN("../../x"), queue.URN(""), "urn:li:dataset:(a,b,c)", "", strings.Repeat("x", 1<<20), queue.URN(strings.Repeat("y", 200)),
		} {
			list = append(list, gms.RequestSummary{URN: urn, RequestedAt: time.Unix(1<<40, 0)})
		}
		return list
	}}
	source, err := poll.New(poll.Options{Server: lies})
	ok(t, err)
	h := &handler{}
	for range 3 {
		ok(t, source.PollRequests(t.Context(), h))
	}
	if diff := cmp.Diff([]string{"a", "b"}, h.ids()); diff != "" {
		t.Errorf("handed over (-want +got):\n%s", diff)
	}
	if reads := asked(server, "batchGet"); reads != 1 {
		t.Errorf("%d reads of aspects, want 1", reads)
	}
}

func TestNothingIsSkippedWhenTheHandlerFails(t *testing.T) {
	server, source := start(t, poll.Options{})
	for i := range 5 {
		server.AddRequest(fmt.Sprintf("r%d", i), at(10-i))
	}
	h := &handler{}
	h.fail = 1
	if err := source.PollRequests(t.Context(), h); !errors.Is(err, errHandler) {
		t.Fatalf("error = %v", err)
	}
	if n, _ := h.taken(); n != 0 {
		t.Fatalf("%d requests after one that was not taken", n)
	}
	ok(t, source.PollRequests(t.Context(), h))
	if diff := cmp.Diff([]string{"r0", "r1", "r2", "r3", "r4"}, h.ids()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManyRequests(t *testing.T) {
	server, source := start(t, poll.Options{})
	const many = 1200
	var want []string
	for i := range many {
		id := fmt.Sprintf("r%04d", i)
		want = append(want, id)
		server.AddRequest(id, map[string]any{"requestedAt": time.Now().Add(-time.Hour).UnixMilli() + int64(i)})
	}
	h := &handler{}
	ok(t, source.PollRequests(t.Context(), h))
	if diff := cmp.Diff(want, h.ids()); diff != "" {
		t.Fatalf("handed over (-want +got):\n%s", diff)
	}
	lists, reads := asked(server, "listExecutionRequests"), asked(server, "batchGet")
	if lists > many/100+1 || reads > many/20 {
		t.Errorf("%d lists and %d reads", lists, reads)
	}
	ok(t, source.PollRequests(t.Context(), h))
	if again := asked(server, "") - lists - reads; again != 1 {
		t.Errorf("the next pass asks %d questions, want 1", again)
	}
}

func TestOneThatCannotBeReadHoldsUpNobody(t *testing.T) {
	now := time.Now()
	server, source := start(t, poll.Options{Now: func() time.Time { return now }})
	want := []string{}
	for i := range 25 {
		id := fmt.Sprintf("r%02d", i)
		server.AddRequest(id, map[string]any{"requestedAt": now.Add(-time.Minute).UnixMilli() + int64(i)})
		if id != "r07" {
			want = append(want, id)
		}
	}
	heal := server.Fail(gmstest.Fault{Path: "batchGet", Body: queue.URN("r07"), Status: 200, Text: "<html>"})
	h := &handler{}
	ok(t, source.PollRequests(t.Context(), h))
	if diff := cmp.Diff(want, h.ids()); diff != "" {
		t.Fatalf("handed over (-want +got):\n%s", diff)
	}
	questions := asked(server, "")
	ok(t, source.PollRequests(t.Context(), h))
	if again := asked(server, "") - questions; again != 1 {
		t.Errorf("the next pass asks %d questions, want 1", again)
	}
	heal()
	now = now.Add(5 * time.Minute)
	ok(t, source.PollRequests(t.Context(), h))
	if diff := cmp.Diff(append(want, "r07"), h.ids()); diff != "" {
		t.Errorf("after it has healed (-want +got):\n%s", diff)
	}
}

// The first pass learns what time it is for the server.
func TestOwnClockIsWrong(t *testing.T) {
	for _, off := range []time.Duration{400 * 24 * time.Hour, -365 * 24 * time.Hour} {
		clock := func() time.Time { return time.Now().Add(off) }
		server := gmstest.Start(t, gmstest.Options{})
		asks, err := gms.New(gms.Options{URL: server.URL(), Now: clock, Retries: -1})
		ok(t, err)
		source, err := poll.New(poll.Options{Server: asks, Now: clock})
		ok(t, err)
		server.AddRequest("new", nil)
		server.AddRequest("yesterday", at(24*60*60))
		server.AddRequest("too-old", at(49*60*60))
		h := &handler{}
		ok(t, source.PollRequests(t.Context(), h))
		server.AddRequest("newer", nil)
		ok(t, source.PollRequests(t.Context(), h))
		got := slices.DeleteFunc(h.ids(), func(id string) bool { return off < 0 && id == "too-old" }) // in the first pass
		slices.Sort(got)
		if diff := cmp.Diff([]string{"new", "newer", "yesterday"}, got); diff != "" {
			t.Errorf("off by %s: handed over (-want +got):\n%s", off, diff)
		}
	}
}

func TestOutages(t *testing.T) {
	for name, fault := range map[string]gmstest.Fault{
		"503":          {Status: 503},
		"500":          {Status: 500, Text: `{"message": "x"}`},
		"unauthorized": {Status: 401},
		"forbidden":    {Status: 403},
		"a login page": {Status: 200, Text: "<html>"},
		"cut":          {Drop: true},
		"hanging":      {Hang: true},
		"empty":        {Status: 200, Text: `{}`},
		"null":         {Status: 200, Text: `null`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := patience
			if fault.Hang {
				timeout = 300 * time.Millisecond
			}
			server, source := startWith(t, poll.Options{Interval: 5 * time.Millisecond, SignalInterval: 5 * time.Millisecond}, timeout)
			heal := server.Fail(fault)
			server.AddRequest("a", nil)
			h := &handler{}
			run(t, source, h)
			await(t, "a question", func() bool { return asked(server, "") > 0 })
			if n, _ := h.taken(); n != 0 || !source.LastPoll().IsZero() {
				t.Errorf("%d requests, last poll %s, though the server is out of order", n, source.LastPoll())
			}
			heal()
			await(t, "the request", func() bool { n, _ := h.taken(); return n == 1 })
			if source.LastPoll().IsZero() {
				t.Error("the source never heard from its server")
			}
		})
	}
}

func TestServerThatGoesAndComes(t *testing.T) {
	running := []string{}
	server, source := start(t, poll.Options{
		Interval: 5 * time.Millisecond, SignalInterval: 5 * time.Millisecond, Running: func() []string { return running },
	})
	h := &handler{}
	server.AddRequest("a", at(3))
	run(t, source, h)
	await(t, "the first request", func() bool { n, _ := h.taken(); return n == 1 })
	server.Stop()
	if err := source.Check(t.Context()); gms.KindOf(err) != gms.Unavailable {
		t.Errorf("check = %v", err)
	}
	server.AddRequest("b", at(2))
	time.Sleep(20 * time.Millisecond)
	ok(t, server.Restart())
	await(t, "the second request", func() bool { n, _ := h.taken(); return n == 2 })
	if diff := cmp.Diff([]string{"a", "b"}, h.ids()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ok(t, source.Check(t.Context()))
}

func TestCheckNeedsBothReads(t *testing.T) {
	server, source := start(t, poll.Options{})
	ok(t, source.Check(t.Context()))
	if source.LastPoll().IsZero() {
		t.Error("the check heard from nobody")
	}
	for _, path := range []string{"graphql", "batchGet"} {
		heal := server.Fail(gmstest.Fault{Path: path, Status: 403})
		if err := source.Check(t.Context()); gms.KindOf(err) != gms.Forbidden {
			t.Errorf("%s: %v", path, err)
		}
		heal()
	}
}

func TestSignals(t *testing.T) {
	running := []string{"mine", "../x", "mine"}
	server, source := start(t, poll.Options{Running: func() []string { return running }})
	for _, id := range []string{"mine", "foreign"} {
		server.AddRequest(id, nil)
		server.SetResult(id, map[string]any{"status": "RUNNING"})
	}
	h := &handler{}
	ok(t, source.PollSignals(t.Context(), h))
	server.Signal("mine", "KILL", "moved-to-another-pool")
	server.Signal("foreign", "KILL", "default")
	h.fail = 1
	if err := source.PollSignals(t.Context(), h); !errors.Is(err, errHandler) {
		t.Fatalf("error = %v", err)
	}
	ok(t, source.PollSignals(t.Context(), h))
	ok(t, source.PollSignals(t.Context(), h))
	if len(h.signals) != 1 {
		t.Fatalf("%d signals, want 1: %+v", len(h.signals), h.signals)
	}
	want := queue.Signal{ID: "mine", Name: queue.Kill, Pool: "moved-to-another-pool", At: h.signals[0].At, Via: "gms"}
	if diff := cmp.Diff(want, h.signals[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	server.Signal("mine", "ELSE", "")
	ok(t, source.PollSignals(t.Context(), h))
	if len(h.signals) != 2 || h.signals[1].Name != "ELSE" {
		t.Errorf("another signal: %+v", h.signals)
	}
	server.Put(queue.URN("mine"), gms.SignalAspect, map[string]any{"signal": 7})
	ok(t, source.PollSignals(t.Context(), h))
	running = nil
	before := asked(server, "")
	ok(t, source.PollSignals(t.Context(), h))
	if len(h.signals) != 2 || asked(server, "") != before {
		t.Errorf("after the run: %d signals, %d questions", len(h.signals), asked(server, "")-before)
	}
}

func TestSignalThatIsThereBeforeTheRun(t *testing.T) {
	server, source := start(t, poll.Options{})
	server.AddRequest("a", nil)
	server.Signal("a", "KILL", "")
	h := &handler{}
	ok(t, source.PollRequests(t.Context(), h))
	if requests, signals := h.taken(); requests != 1 || signals != 1 {
		t.Errorf("%d requests and %d signals, want one of each", requests, signals)
	}
}

// TestSignalsOnly takes no requests and needs no right to list them.
func TestSignalsOnly(t *testing.T) {
	server, source := start(t, poll.Options{
		SignalsOnly: true, SignalInterval: time.Millisecond, Interval: time.Millisecond,
		Running: func() []string { return []string{"mine"} },
	})
	server.Fail(gmstest.Fault{Path: "/api/graphql", Status: 403})
	ok(t, source.Check(t.Context()))
	h := &handler{}
	run(t, source, h)
	server.AddRequest("other", nil)
	server.AddRequest("mine", nil)
	server.Signal("mine", "KILL", "")
	await(t, "signal", func() bool { _, signals := h.taken(); return signals == 1 })
	if requests, _ := h.taken(); requests != 0 || asked(server, "graphql") != 0 {
		t.Errorf("%d requests, %d questions for them", requests, asked(server, "graphql"))
	}
	if source.Name() != "signals" || h.signals[0].Via != "gms" {
		t.Errorf("%s, via %s", source.Name(), h.signals[0].Via)
	}
}

func TestManyRunningRuns(t *testing.T) {
	var running []string
	server, source := start(t, poll.Options{Running: func() []string { return running }})
	for i := range 250 {
		id := fmt.Sprintf("r%d", i)
		running = append(running, id)
		server.AddRequest(id, nil)
		server.Signal(id, "KILL", "")
	}
	h := &handler{}
	ok(t, source.PollSignals(t.Context(), h))
	if _, n := h.taken(); n != 250 || asked(server, "batchGet") != 3 {
		t.Errorf("%d signals with %d reads, want 250 with 3", n, asked(server, "batchGet"))
	}
}

func TestEndsWithItsContext(t *testing.T) {
	server, source := start(t, poll.Options{})
	server.Fail(gmstest.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	started := time.Now()
	if err := source.Run(ctx, &handler{}); err != nil || time.Since(started) > 5*time.Second {
		t.Errorf("ended with %v after %s", err, time.Since(started))
	}
}

func TestOptions(t *testing.T) {
	server := client(t, "http://127.0.0.1:1", patience)
	write := server.Propose
	for name, o := range map[string]poll.Options{
		"no server":            {},
		"negative interval":    {Server: server, Interval: -1},
		"tiny signal interval": {Server: server, SignalInterval: 1},
		"short lookback":       {Server: server, Lookback: time.Second},
		"sweep without writer": {Server: server, Sweep: &poll.Sweep{}},
		"sweep of signals":     {Server: server, SignalsOnly: true, Sweep: &poll.Sweep{Write: write}},
		"sweep too soon":       {Server: server, Sweep: &poll.Sweep{Write: write, After: time.Minute}},
		"sweep without pause":  {Server: server, Sweep: &poll.Sweep{Write: write, Interval: -1}},
	} {
		if _, err := poll.New(o); !errors.Is(err, poll.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := poll.New(poll.Options{Interval: -1, Lookback: -1})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all problems at once: %v", err)
	}
	source, err := poll.New(poll.Options{Server: server})
	ok(t, err)
	if source.Name() != "gms" || !source.LastPoll().IsZero() {
		t.Errorf("%s, last poll %s", source.Name(), source.LastPoll())
	}
}
