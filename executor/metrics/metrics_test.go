package metrics_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/metrics"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// source has heard from its server at a fixed time.
type source struct {
	name string
	at   time.Time
}

func (s source) Name() string        { return s.name }
func (s source) LastPoll() time.Time { return s.at }

// everything is told once.
func everything(t *testing.T) *metrics.Metrics {
	t.Helper()
	m := metrics.New(metrics.Options{
		Mode: "worker",
		Pools: func() []metrics.Pool {
			return []metrics.Pool{{Name: "ingestions", Workers: 4, Active: 3, Waiting: 2, MaxWeight: 1, Weight: 0.75}}
		},
		Undelivered: func() int { return 5 },
		Sources:     []metrics.Source{source{"kafka", time.UnixMilli(1500)}, source{"gms", time.Time{}}},
		Build:       metrics.Build{Version: "1.0", CLIVersion: "1.7.0.17", LockDigest: "sha256:00"},
		Resources:   metrics.Resources{Paths: []string{t.TempDir()}},
	})
	m.Request("default")
	m.Request("default")
	m.Ended("default", "RUN_INGEST", "FAILURE", 1500*time.Millisecond)
	m.Ended("default", "RUN_INGEST", "SUCCESS", time.Second)
	m.Ended("default", "<from the network>", "FAILURE", 0)
	m.NotTaken("journal")
	m.Cancel()
	m.Signals(time.Second, "unavailable")
	m.Fetch(time.Second, 7, "forbidden")
	m.BadItem("malformed")
	m.Events(100, 2)
	m.Write("")
	m.Write("too large")
	m.Renewal("default", "unauthorized")
	m.Assertion("default", time.Second, "timeout")
	m.Sweep("abort", true)
	return m
}

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T, r io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func get(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	// What Prometheus asks for by default: OpenMetrics would rename counters.
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	return scrape(t, response.Body)
}

// serve listens as an executor does, and ends with the test.
func serve(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	listener, err := metrics.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

func TestScrape(t *testing.T) {
	url := serve(t, everything(t))
	for _, path := range []string{"/metrics", "/telemetry", "/"} {
		families := get(t, url+path)
		for _, d := range metrics.Table() {
			family, ok := families[d.Name]
			if !ok {
				if !strings.Contains(d.Name, "disk_") { // not every sandbox lets the mounts be seen
					t.Errorf("%s: %s is missing", path, d.Name)
				}
				continue
			}
			if got := strings.ToLower(family.GetType().String()); got != string(d.Kind) {
				t.Errorf("%s is a %s, want a %s", d.Name, got, d.Kind)
			}
			var labels []string
			for _, pair := range family.GetMetric()[0].GetLabel() {
				if !slices.Contains([]string{"executor_internal", "executor_mode"}, pair.GetName()) {
					labels = append(labels, pair.GetName())
				}
			}
			slices.Sort(labels)
			want := slices.Sorted(slices.Values(d.Labels))
			if diff := cmp.Diff(want, labels); diff != "" {
				t.Errorf("labels of %s (-want +got):\n%s", d.Name, diff)
			}
		}
	}
}

// value returns the value of a counter or gauge, or the count of a summary,
// with these labels.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels map[string]string) float64 {
	t.Helper()
	for _, metric := range families[name].GetMetric() {
		left := len(labels)
		for _, pair := range metric.GetLabel() {
			if want, ok := labels[pair.GetName()]; ok && want == pair.GetValue() {
				left--
			}
		}
		if left == 0 {
			return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetSummary().GetSampleCount())
		}
	}
	t.Errorf("%s%v is missing", name, labels)
	return 0
}

func TestValues(t *testing.T) {
	families := get(t, serve(t, everything(t)))
	pool := map[string]string{"pool_name": "default"}
	ingestions := map[string]string{"thread_pool_name": "ingestions", "executor_internal": "False", "executor_mode": "worker"}
	for _, tt := range []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"datahub_executor_worker_ingestion_requests", pool, 2},
		{"datahub_executor_worker_ingestion_errors", pool, 2},
		{"datahub_executor_ingestion_cancel_requests", nil, 1},
		{"datahub_executor_ingestion_fetch_signal_requests", nil, 1},
		{"datahub_executor_ingestion_fetcher_items_mapped", nil, 7},
		{"datahub_executor_ingestion_kafka_mcl_events", nil, 100},
		{"datahub_executor_ingestion_kafka_exec_events", nil, 2},
		{"datahub_executor_ingestion_emit_mcp_events", nil, 1},
		{"datahub_executor_ingestion_emit_mcp_errors", map[string]string{"exception": "too large"}, 1},
		{"datahub_executor_thread_pool_max_workers", ingestions, 4},
		{"datahub_executor_thread_pool_active_workers", ingestions, 3},
		{"datahub_executor_thread_pool_active_weight", ingestions, 0.75},
		{"lockforge_executor_waiting_tasks", ingestions, 2},
		{"lockforge_executor_undelivered_results", nil, 5},
		{"lockforge_executor_runs_ended_total", map[string]string{"task": "RUN_INGEST", "status": "SUCCESS"}, 1},
		{"lockforge_executor_runs_ended_total", map[string]string{"task": "other", "status": "FAILURE"}, 1},
		{"lockforge_executor_source_last_poll_timestamp_seconds", map[string]string{"source": "kafka"}, 1.5},
		{"lockforge_executor_source_last_poll_timestamp_seconds", map[string]string{"source": "gms"}, 0},
	} {
		if got := value(t, families, tt.name, tt.labels); got != tt.want {
			t.Errorf("%s%v is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
	if sum := families["lockforge_executor_run_seconds"].GetMetric()[0].GetSummary().GetSampleSum(); sum != 2.5 {
		t.Errorf("runs took %v s, want 2.5", sum)
	}
}

func TestListenerTakesQuestionsOnly(t *testing.T) {
	url := serve(t, everything(t))
	for method, want := range map[string]int{
		http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed, http.MethodPut: http.StatusMethodNotAllowed,
		http.MethodDelete: http.StatusMethodNotAllowed, http.MethodOptions: http.StatusMethodNotAllowed,
	} {
		request, err := http.NewRequest(method, url+"/metrics", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", method, response.StatusCode, want)
		}
	}
}

func TestNoListener(t *testing.T) {
	listener, err := metrics.Listen("")
	if listener != nil || err != nil {
		t.Fatalf("Listen: %v, %v", listener, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := metrics.New(metrics.Options{}).Serve(ctx, nil); err != nil {
		t.Error(err)
	}
	taken, err := metrics.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := metrics.Listen(taken.Addr().String()); err == nil {
		t.Error("a port was taken twice")
	}
}

// pushed is one sending as the server saw it.
type pushed struct {
	path, encoding, kind, authorization string
	families                            map[string]*dto.MetricFamily
}

func TestPush(t *testing.T) {
	got := make(chan pushed)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Errorf("the body is no gzip: %v", err)
			return
		}
		h := r.Header
		got <- pushed{r.Method + " " + r.URL.RequestURI(), h.Get("Content-Encoding"), h.Get("Content-Type"), h.Get("Authorization"), scrape(t, body)}
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	m := everything(t)
	go func() {
		done <- m.Push(ctx, metrics.Push{
			Server: server.URL + "/gms?a=b", Instance: "host.abc/d", Interval: time.Millisecond,
			Header: func(context.Context) (string, error) { return "Bearer token", nil },
		})
	}()
	first := <-got
	second := <-got
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	want := pushed{"POST /telemetry/push/host.abc%2Fd", "gzip", "text/plain", "Bearer token", nil}
	if diff := cmp.Diff(want, pushed{first.path, first.encoding, first.kind, first.authorization, nil}, cmp.AllowUnexported(pushed{})); diff != "" {
		t.Errorf("sending (-want +got):\n%s", diff)
	}
	if n := value(t, first.families, "datahub_executor_worker_ingestion_requests", nil); n != 2 {
		t.Errorf("%v requests were sent, want 2", n)
	}
	if n := value(t, second.families, "datahub_executor_monitoring_push_requests", nil); n < 1 {
		t.Errorf("the second sending counts %v before it", n)
	}
	if n := value(t, second.families, "datahub_executor_monitoring_push_payload_size", nil); n < 100 {
		t.Errorf("a sending has %v bytes", n)
	}
}

func TestPushThatDoesNotSucceed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed, with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	asked := make(chan struct{})
	redirect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer redirect.Close()
	tick := make(chan struct{})
	for name, p := range map[string]metrics.Push{
		"redirect": {Server: redirect.URL},
		"no credential": {Server: elsewhere.URL, Header: func(context.Context) (string, error) {
			tick <- struct{}{}
			return "", errors.New("no token")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := metrics.New(metrics.Options{})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			p.Interval = time.Millisecond
			go func() { done <- m.Push(ctx, p) }()
			for range 2 { // the first has ended when the second begins
				select {
				case <-asked:
				case <-tick:
				}
			}
			url := serve(t, m)
			if n := value(t, get(t, url), "datahub_executor_monitoring_push_errors", nil); n < 1 {
				t.Errorf("%v errors", n)
			}
			cancel()
			for ended := false; !ended; {
				select {
				case <-asked:
				case <-tick:
				case err := <-done:
					ended = true
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	if err := metrics.New(metrics.Options{}).Push(context.Background(), metrics.Push{Server: "://"}); err == nil {
		t.Error("sent to no server")
	}
}
