package verify_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/sbom"
	"github.com/lockforge/lockforge/builder/verify"
	"github.com/lockforge/lockforge/executor/contract"
)

// fixture is a signed image with the parts it was signed from.
type fixture struct {
	dir    string
	signer *attest.Signer
	trust  attest.TrustOptions
	rules  *policy.Set
	locked *factstest.Locked
	more   []*factstest.Locked // of further platforms
	build  attest.Build

	require []probe.Tier
}

// signing is a key pair for all tests: encrypting one, and opening it, costs a
// quarter of a second of scrypt.
var signing struct {
	dir string
	sync.Once
	signer *attest.Signer
	public string
	err    error
}

func TestMain(m *testing.M) {
	var err error
	if signing.dir, err = os.MkdirTemp("", "verify"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(signing.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func keyPair(t testing.TB) (*attest.Signer, attest.TrustOptions) {
	t.Helper()
	signing.Do(func() {
		private, public, err := attest.Keygen(filepath.Join(signing.dir, "cosign"), nil)
		signing.public = public
		signer, errSigner := attest.NewSigner(t.Context(), attest.SignerOptions{Key: private})
		signing.signer, signing.err = signer, errors.Join(err, errSigner)
	})
	if signing.err != nil {
		t.Fatal(signing.err)
	}
	return signing.signer, attest.TrustOptions{Key: signing.public}
}

// closedEnv is what rules want of the environment.
var closedEnv = []string{
	"PIP_INDEX_URL=http://127.0.0.1:1/simple", "PIP_EXTRA_INDEX_URL=", "PIP_FIND_LINKS=",
	"UV_DEFAULT_INDEX=http://127.0.0.1:1/simple", "UV_INDEX_URL=http://127.0.0.1:1/simple", "UV_INDEX=", "UV_EXTRA_INDEX_URL=", "UV_FIND_LINKS=",
	contract.EnvDependencyResolution + "=false", contract.EnvVenvPath + "=" + contract.DefaultVenvPath,
}

// newFixture makes an image that every check accepts, once it is signed, of
// linux/amd64 and further platforms.
func newFixture(t testing.TB, more ...string) *fixture {
	t.Helper()
	x := &fixture{locked: promised(t, "amd64"), rules: rules(t)}
	x.signer, x.trust = keyPair(t)
	for _, arch := range more {
		x.more = append(x.more, promised(t, arch))
	}
	x.write(t)
	return x
}

// promised is an image in the shape that the rules want.
func promised(t testing.TB, arch string) *factstest.Locked {
	t.Helper()
	l := factstest.For(t, arch)
	l.Image.Config["Env"] = closedEnv
	l.Lock.Manifest = request.Digest()
	for path, text := range map[string]string{
		"etc/pip.conf":   "[global]\nindex-url = http://127.0.0.1:1/simple\n",
		"etc/uv/uv.toml": "index-url = \"http://127.0.0.1:1/simple\"\n",
	} {
		l.Edit(t, path, func(e *imagetest.Entry) { e.Body = text })
	}
	l.Edit(t, strings.TrimPrefix(contract.BuildInfoPath, "/"), func(e *imagetest.Entry) {
		e.Body = strings.Replace(e.Body, "sha256:"+strings.Repeat("ab", 32), request.Digest(), 1)
	})
	return l
}

// clone is another image with the same content, not signed yet.
func (x *fixture) clone(t testing.TB) *fixture {
	t.Helper()
	c := &fixture{signer: x.signer, trust: x.trust, rules: x.rules, require: x.require, locked: x.locked.Clone(t)}
	c.locked.Image.Config = maps.Clone(x.locked.Image.Config)
	for _, m := range x.more {
		c.more = append(c.more, m.Clone(t))
	}
	c.write(t)
	return c
}

// request is the manifest that the image was asked for with.
var request = &manifest.Manifest{Version: 1, CLI: manifest.CLI{Version: "1.7.0"}, VenvPath: contract.DefaultVenvPath}

// write puts the image into a fresh layout and describes its build anew.
func (x *fixture) write(t testing.TB) {
	t.Helper()
	x.dir = strings.TrimPrefix(x.locked.Write(t, x.more...), "oci:")
	img, err := image.Open(t.Context(), "oci:"+x.dir, image.Options{})
	must(t, err)
	x.build = attest.Build{
		Name: "team/locked", Digest: img.Digest(), Tool: "0.1.0", BuildKit: attest.BuildKit{Version: "v0.33.1", Hermetic: true},
		Materials: attest.Materials(x.locked.Lock),
	}
	x.build.Manifest, err = attest.ManifestSource(request)
	must(t, err)
	x.build.Lock, err = attest.LockSource(x.locked.Lock)
	must(t, err)
	for _, p := range img.Platforms() {
		x.build.Platforms = append(x.build.Platforms, x.platform(t, p))
	}
}

// platform describes one platform's build.
func (x *fixture) platform(t testing.TB, p *image.Platform) attest.Platform {
	t.Helper()
	watch := probe.NewWatch(p)
	f, err := facts.Collect(t.Context(), p, watch.Observe)
	must(t, err)
	options := sbom.Options{Name: x.build.Name, ToolVersion: x.build.Tool}
	platform := attest.Platform{
		Name: p.Name(), Digest: p.Digest(), Verdict: &policy.Verdict{PolicyDigest: "sha256:" + strings.Repeat("e", 64)},
		Tests: []attest.Test{{Name: "import mysql", Status: attest.TestPassed}},
	}
	status := map[probe.Outcome]attest.TestStatus{probe.Pass: attest.TestPassed, probe.Fail: attest.TestFailed, probe.NotRun: attest.TestNotRun}
	for _, r := range append(probe.Static(watch.Scan(f)), probe.Passed(attack)) {
		platform.Tests = append(platform.Tests, attest.Test{Name: attest.ProbeTest(r.ID), Status: status[r.Outcome], Reason: r.Reason})
	}
	platform.SPDX, err = sbom.SPDX(f, x.locked.Lock, options)
	must(t, err)
	platform.CycloneDX, err = sbom.CycloneDX(f, x.locked.Lock, options)
	must(t, err)
	return platform
}

// attack stands for the probes that are run in an image.
var attack = probe.Probe{ID: "E20-attack", Title: "It holds", Tier: probe.Executor, Severity: probe.High, Kind: probe.DynamicKind, Fix: "hold"}

func (x *fixture) sign(t testing.TB, ref string) {
	t.Helper()
	statements, err := attest.Make(x.build)
	must(t, err)
	target, err := attest.Open(t.Context(), ref, attest.Options{})
	must(t, err)
	must(t, attest.Attach(t.Context(), target, x.signer, statements))
}

func (x *fixture) run(t testing.TB, ref string) (*verify.Report, error) {
	t.Helper()
	return verify.Run(t.Context(), verify.Request{Ref: ref, Trust: x.trust, Policy: x.rules, Require: x.require, Dynamic: []probe.Probe{attack}})
}

// rules are the shipped ones without the one that this small image, which
// holds no native file, cannot be asked about.
func rules(t testing.TB) *policy.Set {
	t.Helper()
	set, err := policy.Embedded()
	must(t, err)
	return set.Without(func(r policy.Rule) bool { return r.ID == "LF012-elf" })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
