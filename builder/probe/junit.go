package probe

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *junitSkipped `xml:"skipped,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// JUnit writes the document as JUnit XML: a suite per platform and tier, a
// test case per probe; what was not run is a skipped test.
func (d *Document) JUnit(w io.Writer) error {
	all := junitSuites{Name: "lockforge check " + d.Ref}
	for _, r := range d.Platforms {
		for _, score := range r.Scores {
			suite := junitSuite{Name: r.Platform + " tier " + string(score.Tier), Tests: score.Total, Failures: score.Failed, Skipped: score.NotRun}
			for _, p := range r.Results {
				if p.Tier == score.Tier {
					suite.Cases = append(suite.Cases, junitCaseOf(p, suite.Name))
				}
			}
			all.Tests, all.Failures, all.Skipped = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Skipped+suite.Skipped
			all.Suites = append(all.Suites, suite)
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitCaseOf(r Result, suite string) junitCase {
	c := junitCase{Class: suite, Name: r.ID + " " + r.Title}
	switch r.Outcome {
	case NotRun:
		c.Skipped = &junitSkipped{r.Reason}
	case Fail:
		var text strings.Builder
		for _, e := range r.Evidence {
			fmt.Fprintln(&text, e)
		}
		fmt.Fprintf(&text, "fix: %s\npage: %s\n", r.Fix, r.Page())
		c.Failure = &junitFailure{fmt.Sprintf("%d found", r.Found), string(r.Severity), text.String()}
	}
	return c
}
