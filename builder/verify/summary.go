package verify

import (
	"time"

	"github.com/lockforge/lockforge/builder/attest"
)

// Summary is the report as a statement that others can go by without looking
// at the image: SLSA's verification summary, which names the digest of the
// rules, every statement that was read, and for each tier whose probes were
// required the level LOCKFORGE_PROBES_<tier>. A failed verification gives a
// summary as well: FAILED. It is not signed.
//
// At is when the image was verified, tool the version of lockforge.
func (r *Report) Summary(at time.Time, tool string) (attest.Statement, error) {
	s := attest.Summary{
		Verifier: attest.VerifierID, Tool: tool, Name: r.name, Digest: r.Digest,
		At: at, Policy: r.Policy, Inputs: r.inputs, Passed: r.Verified,
	}
	if s.Name == "" {
		s.Name = "image"
	}
	for _, tier := range r.Required {
		s.Levels = append(s.Levels, "LOCKFORGE_PROBES_"+string(tier))
	}
	return s.Statement()
}
