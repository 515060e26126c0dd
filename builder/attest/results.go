package attest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Results are the outcomes of one run of tests in the image of one platform.
// Results of different locks or suites stand side by side, those of the same
// replace each other.
type Results struct {
	Lock  string // digest of the lock whose imports were tried, "" for none
	Suite string // digest of the escape suite, "" for none
	Tests []Test
}

// probePrefix begins the names of tests that are probes of the escape suite.
const probePrefix = "probe "

// ProbeTest is the name of a probe as a test.
func ProbeTest(id string) string { return probePrefix + id }

// IsProbeTest reports whether a test of this name is a probe.
func IsProbeTest(name string) bool { return strings.HasPrefix(name, probePrefix) }

// TestResult is the predicate of TypeTestResult, in-toto's test-result v0.1.
// What did not run is among its warnings: the predicate knows no other place
// for it. NotRun, an extension, tells it from tests that passed with warnings.
type TestResult struct {
	Result        string       `json:"result"` // PASSED, WARNED or FAILED
	Configuration []descriptor `json:"configuration"`
	PassedTests   []string     `json:"passedTests"`
	WarnedTests   []string     `json:"warnedTests"`
	FailedTests   []string     `json:"failedTests"`
	NotRun        []Unrun      `json:"lockforge_notRun"`
}

// Unrun is a test that did not run, and why.
type Unrun struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Statement says it about the subjects.
func (r Results) Statement(subjects []Subject) (Statement, error) {
	predicate, err := r.predicate()
	return Statement{PredicateType: TypeTestResult, Subjects: subjects, Predicate: predicate}, err
}

func (r Results) predicate() (json.RawMessage, error) {
	p := TestResult{Configuration: []descriptor{}, PassedTests: []string{}, WarnedTests: []string{}, FailedTests: []string{}, NotRun: []Unrun{}}
	for _, c := range []struct{ name, digest string }{{"lock", r.Lock}, {"probes", r.Suite}} {
		if c.digest != "" {
			p.Configuration = append(p.Configuration, descriptor{Name: c.name, Digest: sha256Of(c.digest)})
		}
	}
	for _, t := range r.Tests {
		switch t.Status {
		case TestPassed:
			p.PassedTests = append(p.PassedTests, t.Name)
		case TestFailed:
			p.FailedTests = append(p.FailedTests, t.Name)
		default:
			p.WarnedTests = append(p.WarnedTests, t.Name)
			p.NotRun = append(p.NotRun, Unrun{t.Name, t.Reason})
		}
	}
	for _, names := range [][]string{p.PassedTests, p.WarnedTests, p.FailedTests} {
		slices.Sort(names)
	}
	slices.SortFunc(p.NotRun, func(a, b Unrun) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case len(p.FailedTests) > 0:
		p.Result = "FAILED"
	case len(p.WarnedTests) > 0 || len(p.PassedTests) == 0:
		p.Result = "WARNED"
	default:
		p.Result = "PASSED"
	}
	return encode(p)
}

// tested names what the tests of a predicate were made from, in words that are
// only good for comparing.
func tested(predicate json.RawMessage) string {
	var p struct {
		Configuration []descriptor `json:"configuration"`
	}
	if json.Unmarshal(predicate, &p) != nil {
		return ""
	}
	var all []string
	for _, c := range p.Configuration {
		all = append(all, c.Name+"="+c.Digest["sha256"])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
