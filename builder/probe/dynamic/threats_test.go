package dynamic

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/docs/probes"
)

// lastThreat is the number of the last threat: E01 to E67.
const lastThreat = 67

// A row of build-time.md: a threat, and the tests of each package.
var (
	buildThreat = regexp.MustCompile(`(?m)^\| (E[0-9]{2}): .*$`)
	packageRow  = regexp.MustCompile("`([a-z/]+)` (Test\\w+(?:, Test\\w+)*)")
)

func buildTime(t *testing.T) string {
	t.Helper()
	page, err := fs.ReadFile(probes.Pages, "build-time.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestEveryThreatIsAsked: each has a probe, or tests that build-time.md names.
func TestEveryThreatIsAsked(t *testing.T) {
	asked := map[string]bool{}
	for _, p := range append(New().Probes(), probe.StaticProbes()...) {
		asked[p.ID[:3]] = true
	}
	for _, row := range buildThreat.FindAllStringSubmatch(buildTime(t), -1) {
		asked[row[1]] = packageRow.MatchString(row[0])
	}
	for n := range lastThreat {
		if id := fmt.Sprintf("E%02d", n+1); !asked[id] {
			t.Errorf("no probe asks about %s, and no test of the builder is named", id)
		}
	}
}

// TestBuildTimeNamesTests: the tests on the page are there.
func TestBuildTimeNamesTests(t *testing.T) {
	for _, row := range packageRow.FindAllStringSubmatch(buildTime(t), -1) {
		files, err := filepath.Glob(filepath.Join("../../..", row[1], "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no tests: %v", row[1], err)
		}
		var source strings.Builder
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(content)
		}
		for name := range strings.SplitSeq(row[2], ", ") {
			if !strings.Contains(source.String(), "func "+name+"(") {
				t.Errorf("%s has no %s", row[1], name)
			}
		}
	}
}

// TestEveryPageIsAProbes: a page without a probe says what nobody asks.
func TestEveryPageIsAProbes(t *testing.T) {
	known := map[string]bool{"README.md": true, "build-time.md": true}
	for _, p := range append(New().Probes(), probe.StaticProbes()...) {
		known[p.ID+".md"] = true
	}
	pages, err := fs.Glob(probes.Pages, "*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !known[page] {
			t.Errorf("%s is no probe's", page)
		}
	}
}
