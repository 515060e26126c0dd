package worker

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

// A defect that one request finds ends its run, says nothing of what the run
// knew, and leaves the executor to the others.
func TestDefectsEndOneRun(t *testing.T) {
	const secret = "hunter2hunter2"
	for name, tc := range map[string]struct {
		defect func(*fakeRunner, func())
		starts int
		ends   string
	}{
		"while it is prepared": {
			func(f *fakeRunner, p func()) {
				f.prepare = func(q queue.Request) {
					if q.ID == "bad" {
						p()
					}
				}
			}, 0, StatusFailure,
		},
		"before its start": {
			func(f *fakeRunner, p func()) {
				f.before = func(_ context.Context, q queue.Request) {
					if q.ID == "bad" {
						p()
					}
				}
			}, 0, StatusFailure,
		},
		"while it runs": {
			func(f *fakeRunner, p func()) {
				f.during = func(ctx context.Context, q queue.Request, _ Sink) Outcome {
					if q.ID == "bad" {
						p()
					}
					return f.wait(ctx, time.Second)
				}
			}, 1, StatusFailure,
		},
		"in its progress and its report": {
			func(f *fakeRunner, p func()) {
				f.during = func(ctx context.Context, q queue.Request, s Sink) Outcome {
					if q.ID != "bad" {
						return f.wait(ctx, time.Second)
					}
					s.Progress(func(int) string { p(); return "" })
					time.Sleep(time.Minute)
					return Outcome{Status: StatusSuccess, Report: func(int) (string, []byte) { p(); return "", nil }}
				}
			}, 1, StatusSuccess,
		},
	} {
		for kind, p := range map[string]func(){"a nil pointer": func() { var none *run; none.id = secret }, "a value": func() { panic(secret) }} {
			t.Run(name+", "+kind, func(t *testing.T) {
				simulated(t, func(t *testing.T, g *rig) {
					var log bytes.Buffer
					g.options = func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) }
					tc.defect(g.runner, p)
					g.boot()
					g.request("bad")
					g.request("good")
					pass(2 * time.Minute)
					g.starts("bad", tc.starts)
					g.journaled("bad", journal.Delivered)
					if r := g.server.result("bad"); r.Status != tc.ends || !strings.Contains(r.Report, "a defect of the executor") || strings.Contains(r.Report, secret) {
						t.Errorf("the result is %+v", r)
					}
					if r := g.server.result("good"); r.Status != StatusSuccess {
						t.Errorf("the other run's is %+v", r)
					}
					g.down()
					if text := log.String(); !strings.Contains(text, "defect_test.go") || strings.Contains(text, secret) {
						t.Errorf("the log says %s", text)
					}
				})
			})
		}
	}
}
