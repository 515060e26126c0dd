package probe_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/probe"
)

func TestRegistryRefuses(t *testing.T) {
	good := probe.StaticProbes()
	spoiled := func(change func(*probe.Probe)) []probe.Probe {
		p := good[0]
		change(&p)
		return []probe.Probe{p}
	}
	for name, groups := range map[string][][]probe.Probe{
		"nothing":     nil,
		"twice":       {good, good[:1]},
		"bad ID":      {spoiled(func(p *probe.Probe) { p.ID = "pip" })},
		"no page":     {spoiled(func(p *probe.Probe) { p.ID = "E99-nothing" })},
		"no title":    {spoiled(func(p *probe.Probe) { p.Title = "" })},
		"no fix":      {spoiled(func(p *probe.Probe) { p.Fix = "" })},
		"no tier":     {spoiled(func(p *probe.Probe) { p.Tier = "Z" })},
		"no severity": {spoiled(func(p *probe.Probe) { p.Severity = "bad" })},
		"no kind":     {spoiled(func(p *probe.Probe) { p.Kind = "" })},
	} {
		if _, err := probe.NewRegistry(groups...); err == nil || fault.KindOf(err) != fault.Internal && !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := probe.NewRegistry(good)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := r.Find("E05-shell"); !ok || p.Tier != probe.Image {
		t.Errorf("E05-shell is %+v", p)
	}
	if _, ok := r.Find("E99-x"); ok || len(r.Probes()) != len(good) {
		t.Errorf("%d probes", len(r.Probes()))
	}
}

// TestPagesSayWhatTheProbesSay: title, tier, severity, and how to check and fix.
func TestPagesSayWhatTheProbesSay(t *testing.T) {
	for _, p := range probe.StaticProbes() {
		text, err := p.Text()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"# " + p.ID + ": " + p.Title + "\n", "Tier " + string(p.Tier) + ", " + string(p.Kind) + ".", "Severity: " + string(p.Severity) + ".", "## How it is checked", "## How to fix it"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", p.Page(), want)
			}
		}
		if _, err := os.Stat(filepath.Join("..", "..", p.Page())); err != nil {
			t.Error(err)
		}
	}
}

// sample is a report with one result of each outcome.
func sample(t testing.TB) (*probe.Document, *probe.Registry) {
	t.Helper()
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}}}})
	_, p, err := scan(t, "oci:"+dir)
	if err != nil {
		t.Fatal(err)
	}
	three := probe.StaticProbes()[:3]
	registry, err := probe.NewRegistry(three)
	if err != nil {
		t.Fatal(err)
	}
	results := []probe.Result{
		probe.Answer(three[0], []probe.Evidence{{Layer: "sha256:" + strings.Repeat("ab", 32), Path: "/usr/bin/a b", Text: "evil\n\x1b[31m"}, {Text: "also"}}),
		probe.Skipped(three[1], "no engine"),
		probe.Passed(three[2]),
	}
	report, err := probe.NewReport(p, registry, results)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]probe.Result{
		"one is missing":     results[:2],
		"one too many":       append(results[:3:3], results[2]),
		"no evidence":        {{Probe: three[0], Outcome: probe.Fail}, results[1], results[2]},
		"pass with evidence": {{Probe: three[0], Outcome: probe.Pass, Evidence: results[0].Evidence}, results[1], results[2]},
		"no reason":          {results[0], {Probe: three[1], Outcome: probe.NotRun}, results[2]},
		"no outcome":         {results[0], {Probe: three[1]}, results[2]},
		"nothing was run":    {probe.Skipped(three[0], "x"), probe.Skipped(three[1], "x"), probe.Skipped(three[2], "x")},
		"another probe":      {results[0], results[1], probe.Passed(probe.Probe{ID: three[2].ID})},
	} {
		if _, err := probe.NewReport(p, registry, wrong); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	return &probe.Document{Ref: "oci:x", Digest: report.Digest, Platforms: []*probe.Report{report}}, registry
}

func TestScoresCountWhatWasNotRun(t *testing.T) {
	d, _ := sample(t)
	want := []probe.Score{{Tier: probe.Image, Total: 3, Passed: 1, Failed: 1, NotRun: 1, Percent: 33}}
	if diff := cmp.Diff(want, d.Platforms[0].Scores); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	if got := want[0].String(); got != "I 33% (1/3), 1 not run" {
		t.Errorf("score %q", got)
	}
	for text, reached := range map[string]bool{"I=33": true, "i=33%": true, "I=34": false, "X=1": false} {
		m, err := probe.ParseMinimum(text)
		if err != nil {
			t.Fatal(err)
		}
		d.Require([]probe.Minimum{m})
		if got := len(d.Unreached) == 0; got != reached {
			t.Errorf("%s reached: %v", text, got)
		}
	}
	for _, text := range []string{"", "I", "I=", "I=0", "I=101", "Z=5", "I=x"} {
		if _, err := probe.ParseMinimum(text); !fault.Is(err, fault.Usage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	var many []probe.Evidence
	for range 1000 {
		many = append(many, probe.Evidence{Path: "/" + strings.Repeat("ä", 5000), Text: "\x1b]0;\u202e" + strings.Repeat("x", 5000)})
	}
	r := probe.Answer(probe.StaticProbes()[0], many)
	if r.Found != 1000 || len(r.Evidence) != probe.MaxEvidence {
		t.Errorf("found %d, kept %d", r.Found, len(r.Evidence))
	}
	for _, e := range r.Evidence {
		if len(e.Path) > probe.MaxEvidenceText || len(e.Text) > probe.MaxEvidenceText || strings.ContainsAny(e.Text, "\x1b\u202e") {
			t.Fatalf("evidence %q", e)
		}
	}
}

func TestForms(t *testing.T) {
	d, _ := sample(t)
	d.Unreached = []probe.Minimum{{Tier: probe.Image, Percent: 100}}
	forms := map[string]struct {
		write func(io.Writer) error
		want  []string
	}{
		"text":  {d.Text, []string{"layer sha256:abababababab /usr/bin/a b: evil", "fix: ", "page: docs/probes/E0", "not run: no engine", "score I 33% (1/3), 1 not run", "not reached: I=100"}},
		"sarif": {func(w io.Writer) error { return d.SARIF(w, "1") }, []string{`"kind": "notApplicable"`, `"kind": "pass"`, `"level": "error"`, `"uri": "usr/bin/a%20b"`, `"2.1.0"`}},
		"junit": {d.JUnit, []string{`<failure message="2 found" type="critical">`, `<skipped message="no engine">`, `tests="3" failures="1" skipped="1"`}},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			var first, again bytes.Buffer
			if err := form.write(&first); err != nil {
				t.Fatal(err)
			}
			if err := form.write(&again); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Errorf("written twice, it differs: %v", err)
			}
			for _, want := range form.want {
				if !strings.Contains(first.String(), want) {
					t.Errorf("no %q in:\n%s", want, first.String())
				}
			}
			if strings.Contains(first.String(), "\x1b") {
				t.Error("control characters of the image come through")
			}
			switch name {
			case "sarif":
				if !json.Valid(first.Bytes()) {
					t.Error("no JSON")
				}
			case "junit":
				if err := xml.Unmarshal(first.Bytes(), new(struct {
					XMLName xml.Name `xml:"testsuites"`
				})); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
