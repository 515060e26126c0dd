package builder

import (
	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/probe"
)

// CheckStatements turns the answers about an image into statements of test
// results, one per platform, which `lockforge attest` signs. They name the image's
// index and the platform, so that what ran on one machine joins what a build,
// or another machine, said about the same bytes.
func CheckStatements(d *probe.Document) ([]attest.Statement, error) {
	var all []attest.Statement
	for _, r := range d.Platforms {
		var suite []probe.Probe
		for _, p := range r.Results {
			suite = append(suite, p.Probe)
		}
		subjects := []attest.Subject{{Name: "image", Digest: d.Digest}}
		if r.Digest != d.Digest {
			subjects = append(subjects, attest.Subject{Name: r.Platform, Digest: r.Digest})
		}
		s, err := attest.Results{Suite: probe.SuiteDigest(suite), Tests: probeTests(r)}.Statement(subjects)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
