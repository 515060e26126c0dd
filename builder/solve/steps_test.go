package solve

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/progress"
)

// transcript writes down what it is shown.
type transcript struct{ lines []string }

type transcriptStep struct {
	t    *transcript
	name string
}

func (t *transcript) say(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

func (t *transcript) Begin(name string) progress.Step {
	t.say("begin %s", name)
	return transcriptStep{t, name}
}
func (s transcriptStep) Advance(done, total int64) { s.t.say("%s %d/%d", s.name, done, total) }
func (s transcriptStep) Log(line string)           { s.t.say("%s: %s", s.name, line) }
func (s transcriptStep) Cached()                   { s.t.say("cached %s", s.name) }
func (s transcriptStep) End(err error)             { s.t.say("end %s %v", s.name, err) }

func id(name string) digest.Digest { return digest.FromString(name) }

func vertexOf(name string, started, completed bool, err string, cached bool) *client.SolveStatus {
	start, end := time.Unix(100, 0), time.Unix(103, 0)
	v := &client.Vertex{Digest: id(name), Name: name, Error: err, Cached: cached}
	if started {
		v.Started = &start
	}
	if completed {
		v.Completed = &end
	}
	return &client.SolveStatus{Vertexes: []*client.Vertex{v}}
}

func logOf(name, data string) *client.SolveStatus {
	return &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: id(name), Data: []byte(data)}}}
}

// followAll shows messages to a follower.
func followAll(sink progress.Sink, messages ...*client.SolveStatus) *follower {
	ch := make(chan *client.SolveStatus)
	f := follow(ch, sink, isStep)
	for _, m := range messages {
		ch <- m
	}
	close(ch)
	f.wait()
	return f
}

func TestMessagesBecomeSteps(t *testing.T) {
	seen := &transcript{}
	f := followAll(seen,
		vertexOf("[input] pack", true, true, "", false),
		vertexOf("layer a", false, false, "", false),
		vertexOf("layer a", true, false, "", false),
		logOf("layer a", "half a "),
		logOf("layer a", "line\nnext"),
		&client.SolveStatus{Statuses: []*client.VertexStatus{{Vertex: id("layer a"), Current: 3, Total: 9}}},
		vertexOf("layer a", true, true, "", false),
		vertexOf("layer b", true, true, "", true),
		vertexOf("exporting to oci image format", true, false, "", false),
	)
	want := []string{
		"begin layer a", "layer a: half a line", "layer a 3/9", "layer a: next", "end layer a <nil>",
		"begin layer b", "cached layer b", "end layer b <nil>",
		"begin image: compressing and writing layers", "end image: compressing and writing layers not finished",
	}
	if d := cmp.Diff(want, seen.lines); d != "" {
		t.Error(d)
	}
	steps := []Step{{Name: "layer a", Seconds: 3}, {Name: "layer b", Cached: true, Seconds: 3}, {Name: "image: compressing and writing layers"}}
	if d := cmp.Diff(steps, f.steps()); d != "" {
		t.Error(d)
	}
	if name, _ := f.failure(); name != "" {
		t.Errorf("failure %q, want none", name)
	}
}

func TestTheFailedStepIsNotACancelledOne(t *testing.T) {
	f := followAll(progress.None(),
		vertexOf("layer other", true, true, "exit code 137: context canceled", false),
		vertexOf("layer bad", true, false, "", false),
		logOf("layer bad", "first\nlast words"),
		vertexOf("layer bad", true, true, "exit code 1", false),
	)
	name, log := f.failure()
	if name != "layer bad" || log != "first\nlast words" {
		t.Errorf("failure %q: %q", name, log)
	}
}

// A full disk ends several steps at once; whichever says so is believed, and
// one that only waited for another is not named.
func TestAFullDiskIsFoundInAnyStep(t *testing.T) {
	full := func(says string) *follower {
		return followAll(progress.None(),
			vertexOf("layer waiting", true, true, "exit code 1", false),
			vertexOf("layer writing", true, false, "", false),
			logOf("layer writing", says),
			vertexOf("layer writing", true, true, "exit code 1", false),
		)
	}
	for says, want := range map[string]fault.Kind{
		"OSError(28, 'No space left on device')": fault.DiskFull,
		"write /out/a: no space left on device":  fault.DiskFull,
		"write /out/a: disk quota exceeded\n":    fault.DiskFull,
		"write /out/a: input/output error":       fault.Build,
	} {
		f := full(says)
		if name, _ := f.failure(); name != "layer writing" {
			t.Errorf("%s: the failed step is %q", says, name)
		}
		if err := explain(t.Context(), errors.New("exit code 1"), f, &Client{}); fault.KindOf(err) != want {
			t.Errorf("%s: kind %v, want %v: %v", says, fault.KindOf(err), want, err)
		}
	}
	if err := explain(t.Context(), errors.New("rpc: mkdir /x: no space left on device"), followAll(progress.None()), &Client{}); fault.KindOf(err) != fault.DiskFull {
		t.Errorf("without a step: %v", err)
	}
}

func TestOnlyTheLastLinesAreKept(t *testing.T) {
	messages := []*client.SolveStatus{vertexOf("a", true, false, "", false)}
	for i := range 3 * keptLogLines {
		messages = append(messages, logOf("a", fmt.Sprintf("line %d\n", i)))
	}
	got := followAll(progress.None(), messages...).output("a")
	if len(got) != keptLogLines || got[len(got)-1] != fmt.Sprintf("line %d", 3*keptLogLines-1) {
		t.Errorf("%d lines, the last is %q", len(got), got[len(got)-1])
	}
}

func TestJudgeNamesTheMissingLibrary(t *testing.T) {
	proof := graph.Proof{Platform: "linux/amd64", Plugin: "mssql", Source: "mssql", Class: "a:B", Venv: "mssql-bundled", Step: "proof: mssql", Definition: []byte{1}}
	failing := followAll(progress.None(),
		vertexOf(proof.Step, true, false, "", false),
		logOf(proof.Step, "some warning\n"+graph.ProofPrefix+`{"missing": "pyodbc", "error": "ModuleNotFoundError: No module named 'pyodbc'"}`+"\n"),
	)
	base := Proof{Platform: "linux/amd64", Plugin: "mssql", Source: "mssql", Class: "a:B", Venv: "mssql-bundled"}
	passed, failed, silent, notRun := base, base, base, base
	passed.Outcome = Passed
	failed.Outcome, failed.Missing, failed.Error = Failed, "pyodbc", "ModuleNotFoundError: No module named 'pyodbc'"
	silent.Outcome, silent.Error = Failed, "killed"
	notRun.Outcome = NotRun
	foreign := proof
	foreign.Definition = nil
	quiet := followAll(progress.None())
	for name, test := range map[string]struct {
		got, want Proof
	}{
		"passed":  {judge(proof, nil, failing), passed},
		"failed":  {judge(proof, errors.New("exit code 1"), failing), failed},
		"silent":  {judge(proof, errors.New("killed"), quiet), silent},
		"not run": {judge(foreign, nil, quiet), notRun},
	} {
		if d := cmp.Diff(test.want, test.got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
