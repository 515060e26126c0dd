package gms_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

var running = gms.RunProposal("run-1", gms.ResultAspect, []byte(`{"status":"RUNNING"}`))

// about is what an error says to a program.
type about struct {
	Kind              gms.Kind
	Status, Attempts  int
	Immutable, Exists bool
	RetryAfter        time.Duration
}

func tell(t *testing.T, err error) about {
	t.Helper()
	var e *gms.Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v, not of this package", err)
	}
	return about{e.Kind, e.Status, e.Attempts, e.Immutable, e.Exists, e.RetryAfter}
}

func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		status int
		text   string
		want   about
	}{
		{400, `{"message":"unrecognized field found but not allowed"}`, about{Kind: gms.Rejected}},
		{401, `nobody`, about{Kind: gms.Unauthorized, Attempts: 2}},
		{403, `{"error":"no"}`, about{Kind: gms.Forbidden}},
		{404, `<html></html>`, about{Kind: gms.NotFound}},
		{405, ``, about{Kind: gms.NotFound}},
		{409, ``, about{Kind: gms.Rejected}},
		{412, `{"message":"Expected version 2, actual version 3"}`, about{Kind: gms.Rejected, Exists: true}},
		{413, `<html>too large</html>`, about{Kind: gms.TooLarge}},
		{422, `{"message":"... Invalid update to immutable state for aspect ..."}`, about{Kind: gms.Rejected, Immutable: true}},
		{422, `{"message":"Cannot perform CREATE since the aspect already exists."}`, about{Kind: gms.Rejected, Exists: true}},
		{422, `{"message":"status is required"}`, about{Kind: gms.Rejected}},
		{429, ``, about{Kind: gms.Unavailable, Attempts: 3}},
		{500, `{"message":"PacketTooBigException: Packet for query is too large"}`, about{Kind: gms.TooLarge}},
		{500, `{"message":"org.apache.kafka...RecordTooLargeException"}`, about{Kind: gms.TooLarge}},
		{500, `{"message":"deadlock"}`, about{Kind: gms.Unavailable, Attempts: 3}},
		{502, ``, about{Kind: gms.Unavailable, Attempts: 3}},
		{503, ``, about{Kind: gms.Unavailable, Attempts: 3}},
		{504, ``, about{Kind: gms.Unavailable, Attempts: 3}},
		{302, ``, about{Kind: gms.Protocol}},
	} {
		t.Run(strconv.Itoa(tc.status)+" "+tc.text, func(t *testing.T) {
			server := gmstest.Start(t, nothing)
			c := newClient(t, gms.Options{URL: server.URL(), Retries: 2})
			server.Fail(gmstest.Fault{Status: tc.status, Text: tc.text})
			tc.want.Status = tc.status
			tc.want.Attempts = max(1, tc.want.Attempts)
			if diff := cmp.Diff(tc.want, tell(t, c.Propose(t.Context(), running))); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudgedByTheServer(t *testing.T) {
	server, c := start(t, nothing)
	propose := func(status string, change func(*gms.Proposal)) error {
		p := gms.RunProposal("run-1", gms.ResultAspect, []byte(`{"status":"`+status+`"}`))
		if change != nil {
			change(&p)
		}
		return c.Propose(t.Context(), p)
	}
	create := func(p *gms.Proposal) { p.ChangeType = gms.Create }
	version := func(v string) func(*gms.Proposal) {
		return func(p *gms.Proposal) { p.Headers = map[string]string{gms.IfVersionMatch: v} }
	}
	for i, step := range []struct {
		status string
		change func(*gms.Proposal)
		want   about
	}{
		{"RUNNING", create, about{}},
		{"RUNNING", create, about{Exists: true}},
		{"FAILURE", version("7"), about{Exists: true}},
		{"FAILURE", version("1"), about{}},
		{"SUCCESS", nil, about{}},
		{"FAILURE", nil, about{Immutable: true}},
		{"SUCCESS", create, about{Exists: true}},
	} {
		err := propose(step.status, step.change)
		if step.want == (about{}) {
			if err != nil {
				t.Errorf("step %d: %v", i, err)
			}
			continue
		}
		step.want.Kind, step.want.Status, step.want.Attempts = gms.Rejected, http.StatusUnprocessableEntity, 1
		if diff := cmp.Diff(step.want, tell(t, err)); diff != "" {
			t.Errorf("step %d: error (-want +got):\n%s", i, diff)
		}
	}
	server.SetCreate(gmstest.CreateAsUpsert)
	p := gms.RunProposal("run-2", gms.ResultAspect, []byte(`{"status":"RUNNING"}`))
	p.ChangeType = gms.Create
	for range 2 {
		if err := c.Propose(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	var states []string
	for _, state := range server.History("run-1") {
		states = append(states, state.Status)
	}
	if diff := cmp.Diff([]string{"RUNNING", "FAILURE", "SUCCESS"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestRepeats(t *testing.T) {
	for name, f := range map[string]gmstest.Fault{
		"503":         {Status: 503, Times: 2},
		"429":         {Status: 429, Times: 2, Header: http.Header{"Retry-After": {"0"}}},
		"no answer":   {Drop: true, Times: 2},
		"half answer": {Status: 200, Text: "{", Header: http.Header{"Content-Length": {"100"}}, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := start(t, nothing)
			server.Fail(f)
			if err := c.Propose(t.Context(), running); err != nil {
				t.Fatal(err)
			}
			if got := len(server.Exchanges()); got != 3 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

// A write whose answer is lost is made again, and then meets itself.
func TestAttemptsTellOfOwnWrites(t *testing.T) {
	for _, tc := range []struct {
		change, status string
		want           about
	}{
		{gms.Create, "RUNNING", about{Exists: true}},
		{gms.Upsert, "SUCCESS", about{Immutable: true}},
	} {
		server, c := start(t, nothing)
		server.Fail(gmstest.Fault{DropAfter: true, Times: 1})
		p := gms.RunProposal("run-1", gms.ResultAspect, []byte(`{"status":"`+tc.status+`"}`))
		p.ChangeType = tc.change
		tc.want.Kind, tc.want.Status, tc.want.Attempts = gms.Rejected, http.StatusUnprocessableEntity, 2
		if diff := cmp.Diff(tc.want, tell(t, c.Propose(t.Context(), p))); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
		if got := server.History("run-1"); len(got) != 1 || got[0].Status != tc.status {
			t.Errorf("history = %v", got)
		}
	}
}

func TestWaitsAsAsked(t *testing.T) {
	server, c := start(t, nothing)
	server.Fail(gmstest.Fault{Status: 503, Times: 1, Header: http.Header{"Retry-After": {"1"}}})
	begin := time.Now()
	if err := c.Propose(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("came back after %s", took)
	}
}

// What the server asks for may be longer than a call should take.
func TestTellsLongWaits(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"3600":                          time.Hour,
		"Fri, 02 Jan 2026 03:14:05 GMT": 10 * time.Minute,
	} {
		server := gmstest.Start(t, nothing)
		c := newClient(t, gms.Options{URL: server.URL(), Now: func() time.Time { return now }})
		server.Fail(gmstest.Fault{Status: 503, Header: http.Header{"Retry-After": {value}}})
		got := tell(t, c.Propose(t.Context(), running))
		if diff := cmp.Diff(about{Kind: gms.Unavailable, Status: 503, Attempts: 1, RetryAfter: want}, got); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	}
}

func TestContextEndsCalls(t *testing.T) {
	for name, f := range map[string]gmstest.Fault{"hanging": {Hang: true}, "refusing": {Status: 503}} {
		t.Run(name, func(t *testing.T) {
			server := gmstest.Start(t, nothing)
			c := newClient(t, gms.Options{URL: server.URL(), Pause: time.Minute})
			server.Fail(f)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			begin := time.Now()
			err := c.Propose(ctx, running)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
			if gms.KindOf(err) != gms.Unavailable {
				t.Errorf("error = %v", err)
			}
			if name == "hanging" && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v does not wrap the context's", err)
			}
		})
	}
}

func TestAttemptsAreLimitedInTime(t *testing.T) {
	server := gmstest.Start(t, nothing)
	server.Fail(gmstest.Fault{Hang: true, Times: 1})
	c := newClient(t, gms.Options{URL: server.URL(), Timeout: 50 * time.Millisecond})
	if err := c.Propose(t.Context(), running); err != nil {
		t.Fatal(err)
	}
}

func TestServerIsAway(t *testing.T) {
	server := gmstest.Start(t, nothing)
	c := newClient(t, gms.Options{URL: server.URL(), Retries: -1})
	server.Stop()
	want := about{Kind: gms.Unavailable, Attempts: 1}
	if diff := cmp.Diff(want, tell(t, c.Propose(t.Context(), running))); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := c.Propose(t.Context(), running); err != nil {
		t.Error(err)
	}
}

// rotating is a credential that the server has replaced.
type rotating struct{ asked, invalidated atomic.Int32 }

func (r *rotating) Invalidate() { r.invalidated.Add(1) }
func (r *rotating) Header(context.Context) (string, error) {
	r.asked.Add(1)
	return "Bearer generation-" + strconv.Itoa(int(r.invalidated.Load())), nil
}

func TestRenewsARefusedCredentialOnce(t *testing.T) {
	for generation, want := range []struct {
		ok    bool
		asked int32
	}{{true, 1}, {true, 2}, {false, 2}} {
		server := gmstest.Start(t, gmstest.Options{Credentials: []string{"Bearer generation-" + strconv.Itoa(generation)}})
		source := &rotating{}
		c := newClient(t, gms.Options{URL: server.URL(), Auth: source})
		err := c.Propose(t.Context(), running)
		if (err == nil) != want.ok || source.asked.Load() != want.asked {
			t.Errorf("generation %d: asked %d times, %v", generation, source.asked.Load(), err)
		}
		if err != nil && !strings.Contains(err.Error(), "token") {
			t.Errorf("%v does not say what to check", err)
		}
	}
}
