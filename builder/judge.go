package builder

import (
	"context"
	"errors"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/sbom"
	"github.com/lockforge/lockforge/builder/solve"
)

// findings is what was read from one platform's image and said about it.
type findings struct {
	platform *image.Platform
	locked   *lock.Platform
	facts    *facts.Facts
	scan     *probe.Scan
	probes   *probe.Report
	spdx     []byte
	cdx      []byte
	verdict  *policy.Verdict
}

// collect reads the image back from its bytes and holds them against the lock
// and the locked files.
func (b *build) collect(ctx context.Context) (any, error) {
	var all []*facts.Facts
	for _, p := range b.image.Platforms() {
		step := b.w.Progress.Begin("reading the image back, " + p.Name())
		f, err := b.read(ctx, p)
		step.End(err)
		if err != nil {
			return nil, err
		}
		b.found = append(b.found, f)
		all = append(all, f.facts)
	}
	return all, nil
}

func (b *build) read(ctx context.Context, p *image.Platform) (*findings, error) {
	watch := probe.NewWatch(p)
	f, err := facts.Collect(ctx, p, watch.Observe)
	if err != nil {
		return nil, err
	}
	if err := facts.Match(f, b.lock); err != nil {
		return nil, err
	}
	var programs []string
	for _, allowed := range b.req.Manifest.Allow {
		programs = append(programs, allowed.Program)
	}
	if err := facts.MatchStore(f, b.lock, b.store, programs); err != nil {
		return nil, err
	}
	found := &findings{platform: p, locked: find(b.lock.Platforms, p.Name()), facts: f, scan: watch.Scan(f)}
	about := sbom.Options{Name: b.req.Manifest.Name, ToolVersion: Version}
	if found.spdx, err = sbom.SPDX(f, b.lock, about); err != nil {
		return nil, err
	}
	found.cdx, err = sbom.CycloneDX(f, b.lock, about)
	return found, err
}

// judge asks the rules. A denied image is an error that names each finding;
// the verdicts are in the result all the same.
func (b *build) judge(ctx context.Context) (any, error) {
	var verdicts []*policy.Verdict
	denied := false
	for _, found := range b.found {
		document, err := sbom.Read(found.spdx)
		if err != nil {
			return nil, err
		}
		input := policy.FromFacts(found.facts, policy.Promise{
			Lock: b.lock, Allow: b.req.Manifest.Allow, Documented: policy.Documented(document),
		})
		if found.verdict, err = policy.Eval(ctx, b.req.Policies, input); err != nil {
			return nil, err
		}
		verdicts = append(verdicts, found.verdict)
		denied = denied || found.verdict.Denied
		b.result.Platforms = append(b.result.Platforms, b.platformResult(found))
	}
	if denied {
		return verdicts, denial(verdicts)
	}
	return verdicts, nil
}

// denial is the error of a denied image: one problem per finding.
func denial(verdicts []*policy.Verdict) error {
	var problems []error
	for _, v := range verdicts {
		for _, rule := range v.Rules {
			for _, f := range rule.Findings {
				problems = append(problems, fault.New(fault.Denied, "%s denies %s: %s %s", rule.ID, v.Platform, f.Msg, f.Path).Hint("%s", rule.Fix))
			}
		}
	}
	return errors.Join(problems...)
}

func (b *build) platformResult(found *findings) PlatformResult {
	r := PlatformResult{Platform: found.platform.Name(), Digest: found.platform.Digest(), Verdict: found.verdict,
		Scores: found.probes.Scores, Tests: append(b.tests(found.platform.Name()), probeTests(found.probes)...)}
	var names []LayerResult
	for _, p := range b.graph.Platforms {
		if p.Platform == r.Platform {
			for _, l := range p.Layers {
				names = append(names, LayerResult{Layer: l})
			}
		}
	}
	for i, l := range found.platform.Layers() {
		r.Size += l.Size
		if i < len(names) {
			names[i].Digest, names[i].Size = l.Digest, l.Size
		}
	}
	r.Layers = names
	return r
}

// tests are the proofs of one platform as a statement lists them.
func (b *build) tests(platform string) []attest.Test {
	status := map[solve.Outcome]attest.TestStatus{
		solve.Passed: attest.TestPassed, solve.Failed: attest.TestFailed, solve.NotRun: attest.TestNotRun,
	}
	var tests []attest.Test
	for _, p := range b.proofs {
		if p.Platform == platform {
			test := attest.Test{Name: "import " + p.Class + " in " + p.Venv, Status: status[p.Outcome]}
			if p.Outcome == solve.NotRun {
				test.Reason = "the build host cannot run " + platform
			}
			tests = append(tests, test)
		}
	}
	return tests
}

// describe makes the statements about the accepted image.
func (b *build) describe(context.Context) (any, error) {
	manifest, err := attest.ManifestSource(b.req.Manifest)
	if err != nil {
		return nil, err
	}
	locked, err := attest.LockSource(b.lock)
	if err != nil {
		return nil, err
	}
	kit, err := buildKit(b.solved.Provenance)
	if err != nil {
		return nil, err
	}
	description := attest.Build{
		Name:      b.req.Manifest.Name,
		Digest:    b.result.Digest,
		Manifest:  manifest,
		Lock:      locked,
		Materials: attest.Materials(b.lock),
		Drops:     dropRules(),
		BuildKit:  kit,
		Tool:      Version,
		Verified:  b.w.Now(),
		Suite:     probe.SuiteDigest(b.req.suite()),
	}
	for i, found := range b.found {
		description.Platforms = append(description.Platforms, attest.Platform{
			Name: found.platform.Name(), Digest: found.platform.Digest(),
			SPDX: found.spdx, CycloneDX: found.cdx,
			Tests: b.result.Platforms[i].Tests, Verdict: found.verdict,
		})
	}
	b.statements, err = attest.Make(description)
	return b.statements, err
}
