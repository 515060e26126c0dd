// Package syftcheck compares our lists of packages with those of syft, an
// independent scanner. It is tests only, so that no program carries syft.
package syftcheck

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/source"
	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/sbom"
	"github.com/lockforge/lockforge/builder/wheel"
	_ "modernc.org/sqlite" // syft's rpm cataloger wants a driver
)

// TestSyftFindsTheSamePackages compares every package, in every layer, of a
// small image, and of the image in the OCI layout $LOCKFORGE_LAYOUT if given.
func TestSyftFindsTheSamePackages(t *testing.T) {
	layouts := []string{strings.TrimPrefix(factstest.New(t).Write(t), "oci:")}
	if dir := os.Getenv("LOCKFORGE_LAYOUT"); dir != "" {
		layouts = append(layouts, dir)
	}
	for _, dir := range layouts {
		ours, theirs := ourPackages(t, dir), syftPackages(t, dir)
		if len(ours) == 0 {
			t.Errorf("%s: no packages found", dir)
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%s (-syft +ours):\n%s", dir, diff)
		}
	}
}

func ourPackages(t *testing.T, dir string) []string {
	t.Helper()
	ctx := context.Background()
	img, err := image.Open(ctx, "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := facts.Collect(ctx, img.Platforms()[0])
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sbom.SPDX(f, nil, sbom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := sbom.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range doc.Packages {
		if p.Type == "pypi" || p.Type == "deb" {
			found = append(found, line(p.Type, p.Name, p.Version))
		}
	}
	return unique(found)
}

func syftPackages(t *testing.T, dir string) []string {
	t.Helper()
	ctx := context.Background()
	src, err := syft.GetSource(ctx, dir, syft.DefaultGetSourceConfig().WithSources("oci-dir"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	config := syft.DefaultCreateSBOMConfig().
		WithSearchConfig(cataloging.DefaultSearchConfig().WithScope(source.AllLayersScope)).
		WithCatalogerSelection(cataloging.NewSelectionRequest().WithDefaults("dpkg-db-cataloger", "python-installed-package-cataloger"))
	found, err := syft.CreateSBOM(ctx, src, config)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range found.Artifacts.Packages.Sorted() {
		lines = append(lines, line(map[string]string{"python": "pypi"}[string(p.Type)]+map[string]string{"deb": "deb"}[string(p.Type)], p.Name, p.Version))
	}
	return unique(lines)
}

func line(kind, name, version string) string {
	if kind == "pypi" {
		name = wheel.NormalizeName(name)
	}
	return kind + " " + name + " " + version
}

func unique(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}
