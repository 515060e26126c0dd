package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

// recipeOf is a request with the recipe as it is.
func recipeOf(recipe string) map[string]any {
	return map[string]any{"args": map[string]string{"recipe": recipe, "version": "bundled"}}
}

// hostile are requests that must not be run, by id, with a word of the reason.
func hostile(p *place) map[string]struct {
	input map[string]any
	why   string
} {
	argument := func(name, value string) map[string]any {
		input := p.input(act{})
		args := maps.Clone(input["args"].(map[string]string))
		args[name] = value
		return map[string]any{"args": args}
	}
	return map[string]struct {
		input map[string]any
		why   string
	}{
		"unknown-task":    {map[string]any{"task": "RUN_SHELL", "args": map[string]string{"recipe": "{}"}}, "RUN_SHELL"},
		"no-recipe":       {map[string]any{"args": map[string]string{}}, "recipe"},
		"not-bundled":     {recipeOf(`{"source": {"type": "oracle"}}`), "oracle"},
		"path-as-type":    {recipeOf(`{"source": {"type": "../../../../tmp/evil"}}`), "evil"},
		"python-as-type":  {recipeOf(`{"source": {"type": "os.system"}}`), "os.system"},
		"twice-the-key":   {recipeOf(`{"source": {"type": "file", "type": "mysql"}}`), "type"},
		"deep":            {recipeOf(strings.Repeat("[", 200_000)), "recipe"},
		"alias-bomb":      {recipeOf("a: &a [x,x]\nb: &b [*a,*a]\nsource: {type: mysql, config: {c: [*b,*b]}}"), ""},
		"foreign-sink":    {recipeOf(`{"source": {"type": "mysql"}, "sink": {"type": "evil.Sink"}}`), "evil.Sink"},
		"secret-path":     {recipeOf(`{"source": {"type": "mysql", "config": {"x": "/var/lib/datahub-executor/journal"}}}`), "/var/lib"},
		"unknown-secret":  {recipeOf(`{"source": {"type": "mysql", "config": {"password": "${NOBODY_HAS_IT}"}}}`), "NOBODY_HAS_IT"},
		"escaping-secret": {recipeOf(`{"source": {"type": "mysql", "config": {"password": "${ESCAPE}"}}}`), "ESCAPE"},
		"own-token":       {recipeOf(`{"source": {"type": "mysql", "config": {"password": "${EXECUTOR_OWN_GMS_TOKEN}"}}}`), "EXECUTOR_OWN"},
		"requirements":    {argument("extra_pip_requirements", `["evil"]`), "extra_pip_requirements"},
		"loader":          {argument("extra_env_vars", `{"LD_PRELOAD": "/data/evil.so"}`), "LD_PRELOAD"},
		"memory-no-unit":  {argument("extra_env_vars", `{"EXECUTOR_TASK_MEMORY_LIMIT": "128000000"}`), "EXECUTOR_TASK_MEMORY_LIMIT"},
		"other-case":      {recipeOf(`{"source": {"type": "mysql"}, "Sink": {"type": "console"}}`), "Sink"},
		"nul":             {recipeOf("source: {type: mysql}\n#\x00"), "zero byte"},
		"mark-of-order":   {recipeOf("\ufeffsource: {type: mysql}"), "byte order mark"},
		"other-version":   {argument("version", "0.10.0"), "0.10.0"},
	}
}

// TestPoison sends what no server sends, then requests that must not be run.
func TestPoison(t *testing.T) {
	t.Parallel()
	p := newKafkaPlace(t, kafkatest.Shared(t), 1)
	must(t, os.Symlink("/etc/passwd", p.path("secrets/ESCAPE")))
	must(t, os.MkdirAll(p.path("precious/executor-logs"), 0o755))
	e := p.start().serving()
	p.request("first", act{})
	p.ends("first", "SUCCESS")
	good := p.events[0]
	for _, event := range [][]byte{
		nil, []byte("dataHubExecutionRequest"), bytes.Repeat([]byte("dataHubExecutionRequest"), 30_000),
		good[:len(good)-3], append([]byte{0, 0, 0, 0, 2}, bytes.Repeat([]byte{0xff}, 100)...),
	} {
		must(t, p.put(0, event))
	}
	for _, id := range []string{"../precious", "..", "a/b", "", "x y", strings.Repeat("x", 2000), "urn:li:x", "-rf", "\u202e"} {
		must(t, p.put(0, p.eventFor(id)))
	}
	cases := hostile(p.place)
	ids := []string{"first"}
	start := time.Now()
	for id, c := range cases {
		ids = append(ids, id)
		p.gms.AddRequest(id, c.input)
	}
	for id, c := range cases {
		r := p.ends(id, "FAILURE")
		if !strings.Contains(r.Report, c.why) {
			t.Errorf("the report of %s does not say %q:\n%.2000s", id, c.why, r.Report)
		}
		if n := len(p.started(id)); n > 0 {
			t.Errorf("run %s was started", id)
		}
	}
	t.Logf("%d hostile requests are answered after %s", len(cases), time.Since(start).Round(time.Millisecond))
	e.drain()
	p.settled(ids...)
	p.trail()
	if _, err := os.Stat(p.path("precious/executor-logs")); err != nil {
		t.Error("a directory that an id pointed to is gone:", err)
	}
}

// eventFor is the event of a request whose id no server would give.
func (p *kafkaPlace) eventFor(id string) []byte {
	p.t.Helper()
	value, err := json.Marshal(map[string]any{"task": "RUN_INGEST", "executorId": "default", "args": p.input(act{})["args"], "requestedAt": 1})
	must(p.t, err)
	key, err := json.Marshal(map[string]string{"id": id})
	must(p.t, err)
	event, err := p.gms.Event(gmstest.Change{
		URN: gmstest.URN(id), EntityType: "dataHubExecutionRequest", ChangeType: "UPSERT",
		Aspect: "dataHubExecutionRequestInput", Key: key, Value: value, At: time.Now(),
	})
	must(p.t, err)
	return event
}

// TestFlood has a run print far more than anybody reads.
func TestFlood(t *testing.T) {
	t.Parallel()
	const size = 200 << 20
	p := newPlace(t)
	e := p.start("LOCKFORGE_EXECUTOR_LOG_FILE_BYTES=1MiB", "LOCKFORGE_EXECUTOR_LOG_FILES=2", "DATAHUB_EXECUTOR_PRINT_SUBPROCESS_LOGS=false").serving()
	before := e.peak()
	start := time.Now()
	p.request("flood", act{Flood: size, Password: "${DB_PASSWORD}"})
	p.request("beside", act{})
	p.ends("beside", "SUCCESS")
	r := p.final("flood", time.Minute)
	took := time.Since(start)
	grown := e.peak() - before
	t.Logf("%d MiB of output in %s, %.0f MB/s; the executor has grown by %d MiB", size>>20, took.Round(time.Millisecond), size/1e6/took.Seconds(), grown>>20)
	if r.Status != "SUCCESS" || len(r.Report) > 15_368_520 || len(r.Report) < 10_000 {
		t.Errorf("the flood ended as %s with a report of %d bytes", r.Status, len(r.Report))
	}
	if grown > 64<<20 {
		t.Errorf("the executor has grown by %d bytes", grown)
	}
	if kept := sizeBelow(t, p.path("logs")); kept > 3<<20 {
		t.Errorf("%d bytes of logs are kept; two files of 1 MiB were asked for", kept)
	}
	e.drain()
	p.settled("flood", "beside")
	p.noSecret()
}

// TestReportsThatAreNone has runs leave traps at the place of their report.
func TestReportsThatAreNone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	before := e.peak()
	ids := []string{}
	for id, report := range map[string]string{
		"report-fifo": "fifo", "report-garbage": "garbage", "report-huge": "huge",
		"report-secret": "link:" + p.path("secrets/DB_PASSWORD"), "report-device": "link:/dev/zero",
	} {
		ids = append(ids, id)
		p.request(id, act{Report: report})
		r := p.ends(id, "SUCCESS")
		if bad := id != "report-huge"; bad && (r.StructuredReport != nil || !strings.Contains(r.Report, "There is no structured report")) {
			t.Errorf("%s: the report does not say that there is no structured one:\n%.2000s", id, r.Report)
		}
		if size := len(r.Raw); size > 15_368_520 {
			t.Errorf("%s: a result of %d bytes was sent", id, size)
		}
	}
	if grown := e.peak() - before; grown > 64<<20 {
		t.Errorf("the executor has grown by %d MiB", grown>>20)
	}
	e.drain()
	p.settled(ids...)
	p.noSecret()
}

// TestClocksDiffer has the server's clock far ahead or behind. For the
// executor's own see TestClockJumps.
func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-14 * time.Minute, 36 * time.Hour} {
		t.Run(fmt.Sprint(off), func(t *testing.T) {
			t.Parallel()
			p := makePlace(t)
			p.serve(gmstest.Options{Now: func() time.Time { return time.Now().Add(off) }})
			p.env = append(p.env, "LOCKFORGE_EXECUTOR_SOURCES=poll")
			e := p.start().serving()
			p.request("run", act{MS: 100})
			p.ends("run", "SUCCESS")
			p.request("killed", act{MS: 60_000})
			p.awaitStart("killed")
			p.gms.Signal("killed", "KILL", "")
			p.ends("killed", "CANCELLED")
			e.drain()
			p.settled("run", "killed")
		})
	}
}
