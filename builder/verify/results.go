package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
)

// results is what signed statements say about the tests of one platform. A
// test that failed in one of them has failed, and one that did not run in one
// of them may have passed in another, on a machine that could run it.
type results struct {
	outcome map[string]attest.TestStatus
	reasons map[string]string // why a test did not run
}

// tests looks at what ran in this image: every import must have passed, and
// every probe of the tiers that are required. Other probes are for the policy
// to like or not; those that failed are named.
func (v *run) tests(p *image.Platform, scan *probe.Scan) {
	r, err := v.results(p)
	if err != nil {
		v.report.add("tests", p.Name(), err, "")
		if len(v.required) > 0 {
			v.report.skip(p.Name(), "probes")
		}
		return
	}
	if failed := r.names(attest.TestFailed, false); len(failed) > 0 {
		err = fault.New(fault.Denied, "reading test results: failed are %s", strings.Join(failed, ", "))
	}
	v.report.add("tests", p.Name(), err, r.String())
	if len(v.required) > 0 {
		v.report.add("probes", p.Name(), v.probes(r, scan), fmt.Sprintf("all %d of %s passed", len(v.required), tierNames(v.report.Required)))
	}
}

// results puts all statements about tests of one platform together.
func (v *run) results(p *image.Platform) (*results, error) {
	r := &results{map[string]attest.TestStatus{}, map[string]string{}}
	found := 0
	for _, s := range v.checked.Find(attest.TypeTestResult) {
		if !s.About(p.Digest()) {
			continue
		}
		found++
		var said attest.TestResult
		if err := json.Unmarshal(s.Predicate, &said); err != nil {
			return nil, fault.Wrap(fault.Integrity, err, "reading test results")
		}
		if !consistent(said) {
			return nil, fault.New(fault.Integrity, "reading test results: %q with %d passed, %d failed, %d other tests",
				said.Result, len(said.PassedTests), len(said.FailedTests), len(said.WarnedTests))
		}
		r.enter(said)
	}
	if found == 0 {
		return nil, fault.New(fault.Signature, "reading statement %s about %s: none is signed", attest.TypeTestResult, p.Digest())
	}
	return r, nil
}

// consistent reports whether the sum of a test run is that of its tests, as
// attest makes it.
func consistent(said attest.TestResult) bool {
	switch said.Result {
	case "FAILED":
		return len(said.FailedTests) > 0
	case "WARNED":
		return len(said.FailedTests) == 0
	case "PASSED":
		return len(said.FailedTests) == 0 && len(said.WarnedTests) == 0
	}
	return false
}

func (r *results) enter(said attest.TestResult) {
	for _, name := range said.FailedTests {
		r.outcome[name] = attest.TestFailed
	}
	for _, name := range said.PassedTests {
		if r.outcome[name] != attest.TestFailed {
			r.outcome[name] = attest.TestPassed
		}
	}
	for _, name := range said.WarnedTests {
		if r.outcome[name] == "" {
			r.outcome[name] = attest.TestNotRun
		}
	}
	for _, u := range said.NotRun {
		r.reasons[u.Name] = u.Reason
	}
}

// names lists the probes, or all other tests, that ended in one way.
func (r *results) names(status attest.TestStatus, probes bool) []string {
	var all []string
	for name, s := range r.outcome {
		if s == status && attest.IsProbeTest(name) == probes {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// String gives "3 imports passed, 1 not run; probes: 30 passed, 20 not run".
func (r *results) String() string {
	count := func(s attest.TestStatus, probes bool) int { return len(r.names(s, probes)) }
	text := fmt.Sprintf("%d imports passed", count(attest.TestPassed, false))
	if n := count(attest.TestNotRun, false); n > 0 {
		text += fmt.Sprintf(", %d not run", n)
	}
	passed, failed, unrun := count(attest.TestPassed, true), r.names(attest.TestFailed, true), count(attest.TestNotRun, true)
	if passed+len(failed)+unrun == 0 {
		return text
	}
	text += fmt.Sprintf("; probes: %d passed", passed)
	if len(failed) > 0 {
		text += fmt.Sprintf(", %d failed (%s)", len(failed), strings.Join(failed, ", "))
	}
	if unrun > 0 {
		text += fmt.Sprintf(", %d not run", unrun)
	}
	return text
}
