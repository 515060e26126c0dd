package builder

import (
	"context"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/sbom"
)

// SBOMRequest says of which image an SBOM is wanted, in which form.
type SBOMRequest struct {
	Ref      string
	Platform string // "" where the image has only one
	Form     string // "spdx" or "cyclonedx"
	Image    image.Options
	// Trust asks for the attested document; its zero value for one that is
	// made from the image's bytes.
	Trust attest.TrustOptions
}

// sbomForms maps a form to its predicate type and to what makes it.
var sbomForms = map[string]struct {
	predicate string
	make      func(*facts.Facts, sbom.Options) ([]byte, error)
}{
	"spdx": {attest.TypeSPDX, func(f *facts.Facts, o sbom.Options) ([]byte, error) { return sbom.SPDX(f, nil, o) }},
	"cyclonedx": {attest.TypeCycloneDX, func(f *facts.Facts, o sbom.Options) ([]byte, error) {
		return sbom.CycloneDX(f, nil, o)
	}},
}

// SBOM returns an image's SBOM as JSON.
func SBOM(ctx context.Context, r SBOMRequest) ([]byte, error) {
	form, ok := sbomForms[r.Form]
	if !ok {
		return nil, fault.New(fault.Usage, "unknown SBOM form %q", r.Form).Hint("use spdx or cyclonedx")
	}
	img, err := image.Open(ctx, r.Ref, r.Image)
	if err != nil {
		return nil, err
	}
	platform, err := img.Platform(r.Platform)
	if err != nil {
		return nil, err
	}
	if r.Trust != (attest.TrustOptions{}) {
		return attested(ctx, r, platform.Digest(), form.predicate)
	}
	f, err := facts.Collect(ctx, platform)
	if err != nil {
		return nil, err
	}
	return form.make(f, sbom.Options{ToolVersion: Version})
}

// attested returns the predicate of a signed statement about the platform.
func attested(ctx context.Context, r SBOMRequest, digest, predicate string) ([]byte, error) {
	trust, err := attest.NewTrust(ctx, r.Trust)
	if err != nil {
		return nil, err
	}
	target, err := attest.Open(ctx, r.Ref, attest.Options{Insecure: r.Image.Insecure})
	if err != nil {
		return nil, err
	}
	checked, err := attest.Check(ctx, target, trust)
	if err != nil {
		return nil, err
	}
	for _, s := range checked.Statements {
		if s.PredicateType != predicate {
			continue
		}
		for _, subject := range s.Subjects {
			if subject.Digest == digest {
				return s.Predicate, nil
			}
		}
	}
	return nil, fault.New(fault.Signature, "looking for the SBOM of %s: nothing of type %s is signed", digest, predicate).
		Hint("leave out --key to make it from the image's bytes")
}
