// Package verify is the consumer's path: from a reference to one answer. It
// reads the image and what its signer said about it, and believes neither
// until they agree. It needs no build engine, and with a key no network beyond
// the place where the image is.
package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/sbom"
)

// Request says what to verify, and whom and what to go by.
type Request struct {
	Ref    string // "oci:DIR[@digest]" or a registry reference
	Trust  attest.TrustOptions
	Policy *policy.Set // nil: the shipped rules
	Image  image.Options
	// Require are the tiers of which every probe must have passed: in the
	// signed test results, and static ones once more here.
	Require []probe.Tier
	// Dynamic are the probes of the suite that the bytes of an image don't answer.
	Dynamic []probe.Probe
}

// Run verifies an image: signature and subject, provenance, and for each
// platform content against lock, SBOMs against content, test results, the
// probes that are required, and policy. Every check that can run does, so that one answer shows all.
//
// The report is returned whenever the image could be opened. The error is nil
// only if every check passed; its kind is fault.Signature, fault.Integrity,
// fault.Policy or fault.Denied, in this order of gravity, or what opening the
// image or the trust gave.
func Run(ctx context.Context, req Request) (*Report, error) {
	trust, err := attest.NewTrust(ctx, req.Trust)
	if err != nil {
		return nil, err
	}
	suite, err := selectProbes(req)
	if err != nil {
		return nil, err
	}
	rules := req.Policy
	if rules == nil {
		if rules, err = policy.Embedded(); err != nil {
			return nil, err
		}
	}
	img, err := image.Open(ctx, req.Ref, req.Image)
	if err != nil {
		return nil, err
	}
	v := &run{rules: rules, required: suite, report: &Report{
		Ref: req.Ref, Digest: img.Digest(), Policy: rules.Digest(), Required: req.Require, Verdicts: []*policy.Verdict{},
	}}
	if err := v.signature(ctx, req, trust, img); err != nil && ctx.Err() != nil {
		return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "verifying %s", req.Ref)
	}
	for _, p := range img.Platforms() {
		v.platform(ctx, p)
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "verifying %s", req.Ref)
		}
	}
	err = v.report.err()
	v.report.Verified = err == nil
	return v.report, err
}

// run is the state of one verification. checked and origin are nil after
// the check that makes them failed.
type run struct {
	rules    *policy.Set
	required []probe.Probe
	report   *Report
	checked  *attest.Checked
	origin   *origin
}

func (v *run) signature(ctx context.Context, req Request, trust *attest.Trust, img *image.Image) error {
	target, err := attest.Open(ctx, byDigest(req.Ref, img.Digest()), attest.Options{Insecure: req.Image.Insecure, Transport: req.Image.Transport})
	if err == nil {
		v.checked, err = attest.Check(ctx, target, trust)
	}
	if err != nil {
		v.report.add("signature", "", err, "")
		v.report.skip("", "provenance")
		return err
	}
	v.report.Signer, v.report.inputs = v.checked.Signer, v.checked.Inputs
	v.report.add("signature", "", nil, fmt.Sprintf("%d statements about this digest by %s", len(v.checked.Statements), v.checked.Signer))
	v.origin, err = readOrigin(v.checked)
	if err != nil {
		v.origin = nil
		v.report.add("provenance", "", err, "")
		return err
	}
	v.report.name = v.origin.name
	v.report.add("provenance", "", nil, fmt.Sprintf("lock of %s, hermetic, built by lockforge %s", v.origin.lock.Resolved, v.origin.tool))
	return nil
}

// byDigest pins a reference to what was opened, so that a tag that moves
// between two requests changes nothing.
func byDigest(ref, digest string) string {
	if at := strings.IndexByte(ref, '@'); at >= 0 {
		return ref[:at] + "@" + digest
	}
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return ref + "@" + digest
		}
	}
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		ref = ref[:colon]
	}
	return ref + "@" + digest
}

func (v *run) platform(ctx context.Context, p *image.Platform) {
	name := p.Name()
	f, scan, err := v.read(ctx, p)
	if err != nil {
		v.report.add("content", name, err, "")
		v.report.skip(name, v.after("sbom", "tests")...)
		return
	}
	if v.origin == nil {
		v.report.skip(name, v.after("content", "sbom", "tests")...)
		return
	}
	v.report.add("content", name, facts.Match(f, v.origin.lock), fmt.Sprintf("%d entries in %d layers are the lock's", len(f.Entries), len(f.Layers)))
	documented := v.sboms(p, f)
	v.tests(p, scan)
	v.judge(ctx, f, documented)
}

// after lists the checks of a platform that come after those that ended early.
func (v *run) after(checks ...string) []string {
	if len(v.required) > 0 {
		checks = append(checks, "probes")
	}
	return append(checks, "policy")
}

// read makes the one pass over a platform's bytes. Probes read along where
// some are required; otherwise there is no scan.
func (v *run) read(ctx context.Context, p *image.Platform) (*facts.Facts, *probe.Scan, error) {
	if len(v.required) == 0 {
		f, err := facts.Collect(ctx, p)
		return f, nil, err
	}
	watch := probe.NewWatch(p)
	f, err := facts.Collect(ctx, p, watch.Observe)
	if err != nil {
		return nil, nil, err
	}
	return f, watch.Scan(f), nil
}

// sboms compares both documents with what the facts give, value by value, and returns the packages that they list.
func (v *run) sboms(p *image.Platform, f *facts.Facts) []policy.Package {
	options := sbom.Options{Name: v.origin.name, ToolVersion: v.origin.tool}
	spdx, errSPDX := sbom.SPDX(f, v.origin.lock, options)
	cyclone, errCyclone := sbom.CycloneDX(f, v.origin.lock, options)
	var documented []policy.Package
	for _, d := range []struct {
		kind, check string
		want        []byte
		err         error
	}{{attest.TypeSPDX, "sbom spdx", spdx, errSPDX}, {attest.TypeCycloneDX, "sbom cyclonedx", cyclone, errCyclone}} {
		err := d.err
		var signed json.RawMessage
		if err == nil {
			signed, err = v.predicate(d.kind, p.Digest())
		}
		if err == nil && !equalJSON(signed, d.want) {
			err = fault.New(fault.Integrity, "comparing %s: the signed document is not the image's", d.check)
		}
		var doc *sbom.Document
		if err == nil {
			doc, err = sbom.Read(signed)
		}
		detail := ""
		if err == nil {
			err = sbom.Match(doc, f)
			detail = fmt.Sprintf("%d packages, as found in the image", len(doc.Packages))
		}
		if v.report.add(d.check, p.Name(), err, detail) && documented == nil {
			documented = policy.Documented(doc)
		}
	}
	return documented
}

// predicate returns the one statement of a type about a platform's manifest.
func (v *run) predicate(kind, digest string) (json.RawMessage, error) {
	var found []json.RawMessage
	for _, s := range v.checked.Find(kind) {
		if s.About(digest) {
			found = append(found, s.Predicate)
		}
	}
	if len(found) != 1 {
		return nil, fault.New(fault.Signature, "reading statement %s about %s: %d of them are signed, want one", kind, digest, len(found))
	}
	return found[0], nil
}

// equalJSON compares values and not spellings: an envelope may escape
// characters that a document has plain.
func equalJSON(a, b []byte) bool {
	x, errX := decode(a)
	y, errY := decode(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func decode(raw []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

func (v *run) judge(ctx context.Context, f *facts.Facts, documented []policy.Package) {
	in := policy.FromFacts(f, policy.Promise{Allow: v.origin.manifest.Allow, Lock: v.origin.lock, Documented: documented})
	verdict, err := policy.Eval(ctx, v.rules, in)
	if verdict != nil {
		v.report.Verdicts = append(v.report.Verdicts, verdict)
	}
	if err == nil && verdict.Denied {
		err = denial(verdict)
	}
	v.report.add("policy", f.Platform, err, fmt.Sprintf("%d rules of %s", len(v.rules.Rules()), v.rules.Digest()))
}

func denial(v *policy.Verdict) error {
	var ids []string
	for _, r := range v.Rules {
		if r.Status == policy.Deny {
			ids = append(ids, fmt.Sprintf("%s (%d)", r.ID, len(r.Findings)))
		}
	}
	return fault.New(fault.Denied, "judging %s: denied by %s", v.Platform, strings.Join(ids, ", ")).
		Hint("`lockforge policy explain ID` shows what a rule wants")
}
