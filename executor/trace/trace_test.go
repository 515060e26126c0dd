package trace_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// peer is a collector that keeps what it is sent.
type peer struct {
	*httptest.Server
	header http.Header
	path   string
	spans  []*otlp.Span
}

func newPeer(t *testing.T) *peer {
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			compressed, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = compressed
		}
		content, err := io.ReadAll(body)
		var request collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(content, &request) != nil {
			t.Errorf("not a request of OTLP: %v", err)
			return
		}
		p.header, p.path = r.Header, r.URL.Path
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				p.spans = append(p.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) tracer(t *testing.T, ratio float64) *trace.Tracer {
	t.Helper()
	tracer, err := trace.New(context.Background(), trace.Options{
		Endpoint: p.URL + "/v1/traces", Headers: map[string]string{"x-key": "value"}, Service: "datahub-executor", Ratio: ratio,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// run makes the spans of one run.
func run(tracer *trace.Tracer, id, status string) {
	ctx, whole := tracer.Run(context.Background(), trace.Info{ID: id, Task: "RUN_INGEST", Pool: "default", Source: "mysql"})
	for _, phase := range []trace.Phase{trace.Received, trace.Claim, trace.Child, trace.Deliver} {
		_, part := whole.Phase(ctx, phase)
		part.End("")
	}
	whole.End(status)
}

func TestSpansOfARun(t *testing.T) {
	p := newPeer(t)
	tracer := p.tracer(t, 1)
	run(tracer, "a-run", "FAILURE")
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if p.path != "/v1/traces" || p.header.Get("X-Key") != "value" {
		t.Errorf("sent to %s with x-key %q", p.path, p.header.Get("X-Key"))
	}
	var names []string
	for _, span := range p.spans {
		names = append(names, span.GetName())
	}
	if diff := cmp.Diff([]string{"received", "claim", "child", "deliver", "run"}, names); diff != "" {
		t.Fatalf("spans (-want +got):\n%s", diff)
	}
	whole := p.spans[4]
	for _, part := range p.spans[:4] {
		if !bytes.Equal(part.GetTraceId(), whole.GetTraceId()) || !bytes.Equal(part.GetParentSpanId(), whole.GetSpanId()) {
			t.Errorf("%s is not a part of the run", part.GetName())
		}
		if part.GetStatus().GetCode() != otlp.Status_STATUS_CODE_OK {
			t.Errorf("%s has status %v", part.GetName(), part.GetStatus())
		}
	}
	if s := whole.GetStatus(); s.GetCode() != otlp.Status_STATUS_CODE_ERROR || s.GetMessage() != "FAILURE" {
		t.Errorf("the run has status %v", s)
	}
	got := map[string]string{}
	for _, a := range whole.GetAttributes() {
		got[a.GetKey()] = a.GetValue().GetStringValue()
	}
	want := map[string]string{
		"datahub.execution_request.id": "a-run", "datahub.task": "RUN_INGEST",
		"datahub.executor.pool": "default", "datahub.source.type": "mysql",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestOneTracePerRun(t *testing.T) {
	p := newPeer(t)
	for range 2 { // before and after a restart
		tracer := p.tracer(t, 1)
		run(tracer, "a-run", "SUCCESS")
		if err := tracer.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	tracer := p.tracer(t, 1)
	run(tracer, "another", "SUCCESS")
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	traces := map[string]int{}
	spans := map[string]bool{}
	for _, span := range p.spans {
		traces[string(span.GetTraceId())]++
		spans[string(span.GetSpanId())] = true
	}
	var sizes []int
	for _, n := range traces {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	if diff := cmp.Diff([]int{5, 10}, sizes); diff != "" || len(spans) != 15 {
		t.Errorf("%d span ids; spans per trace (-want +got):\n%s", len(spans), diff)
	}
}

func TestRatio(t *testing.T) {
	p := newPeer(t)
	tracer := p.tracer(t, 0)
	run(tracer, "a-run", "SUCCESS")
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(p.spans) > 0 {
		t.Errorf("%d spans of none", len(p.spans))
	}
}

func TestOff(t *testing.T) {
	tracer, err := trace.New(context.Background(), trace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []*trace.Tracer{tracer, nil} {
		run(off, "a-run", "SUCCESS")
		if err := off.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { run(tracer, "a-run", "SUCCESS") }); n > 0 {
		t.Errorf("%v allocations for nothing", n)
	}
}

func TestCollectorThatIsDown(t *testing.T) {
	p := newPeer(t)
	p.Server.Close()
	var log bytes.Buffer
	tracer, err := trace.New(context.Background(), trace.Options{
		Endpoint: p.URL, Headers: map[string]string{"authorization": "Bearer hidden-value"}, Ratio: 1,
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(tracer, "a-run", "SUCCESS")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if text := log.String(); !strings.Contains(text, "sending traces") || strings.Contains(text, "hidden-value") {
		t.Errorf("the log has:\n%s", text)
	}
}
