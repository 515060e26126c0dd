package integration_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// probes demands the answers of the escape suite: of a build that ran nothing
// in the image, and again after somebody did and signed what came of it.
func (q quickstart) probes(t *testing.T) {
	demand := []string{"verify", "oci:image", "--key", "cosign.pub", "--require-probes", "I,R"}
	if out := q.exits(t, 30, demand...); !strings.Contains(out.stderr, "not run (not asked for: build with --check-run)") {
		t.Errorf("verify does not say which probes were not run:\n%s", out.stderr)
	}
	q.must(t, "check", "oci:image", "--run", "--statement", "results.json")
	q.must(t, "attest", "oci:image", "--key", "cosign.key", "--statement", "results.json")
	q.must(t, append(demand, "--summary", "summary.json")...)
	if summary := readFile(t, q.path("summary.json")); !strings.Contains(summary, `"verifiedLevels":["SLSA_BUILD_LEVEL_1","LOCKFORGE_PROBES_I","LOCKFORGE_PROBES_R"]`) {
		t.Errorf("the summary is\n%s", summary)
	}
	q.must(t, "attest", "oci:image", "--key", "cosign.key", "--statement", "summary.json")
	q.must(t, "verify", "oci:image", "--key", "cosign.pub")
	stock := testenv.StockCosign(t)
	for _, kind := range []string{attest.TypeTestResult, attest.TypeVSA} {
		out := stock.MustRun("verify-attestation", "--key", q.path("cosign.pub"), "--type", kind, "--offline", "--insecure-ignore-tlog", "--local-image", q.path("image"))
		if n := strings.Count(out, `"payload"`); n != 2 {
			t.Errorf("cosign finds %d statements of type %s, want the build's and the later one", n, kind)
		}
	}
}
