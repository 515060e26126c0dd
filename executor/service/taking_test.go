package service

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/metrics"
	"github.com/lockforge/lockforge/executor/queue"
)

// brought is a source that hands over what it has, once.
type brought []queue.Request

func (brought) Name() string                { return "brought" }
func (brought) Check(context.Context) error { return nil }
func (brought) LastPoll() time.Time         { return time.Time{} }

func (b brought) Run(ctx context.Context, h queue.Handler) error {
	for _, r := range b {
		_ = h.Request(ctx, r) // what comes of it is looked at in the metrics
	}
	return nil
}

// full takes no request whose id is "late".
type full struct{}

func (full) Request(_ context.Context, r queue.Request) error {
	if r.ID == "late" {
		return errors.New("too many runs wait")
	}
	return nil
}

func (full) Signal(context.Context, queue.Signal) error { return nil }

func TestWatchedSource(t *testing.T) {
	s := &Service{metrics: metrics.New(metrics.Options{})}
	source := watched{brought{{ID: "good"}, {ID: "bad", Problem: "no recipe"}, {ID: "late"}}, s}
	must(t, source.Run(t.Context(), full{}))
	answer := httptest.NewRecorder()
	s.metrics.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for name, label := range map[string]string{"handler_errors": "other", "fetcher_items_errored": "malformed"} {
		found := false
		for line := range strings.Lines(answer.Body.String()) {
			found = found || strings.HasPrefix(line, "datahub_executor_ingestion_"+name+"{") &&
				strings.Contains(line, `exception="`+label+`"`) && strings.HasSuffix(line, " 1\n")
		}
		if !found {
			t.Errorf("%s of %s is not 1:\n%s", name, label, answer.Body)
		}
	}
}
