package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/catalog"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/internal/testenv"
)

// wheelFile is a Source over a wheel on disk.
type wheelFile string

func (f wheelFile) Release(context.Context, string) (catalog.Release, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return catalog.Release{}, err
	}
	sum := sha256.Sum256(data)
	return catalog.Release{Filename: filepath.Base(string(f)), SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), ReaderAt: bytes.NewReader(data)}, nil
}

// realCatalog loads the catalog of the release that the shipped manifests name.
func realCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	path := os.Getenv("LOCKFORGE_CLI_WHEEL")
	if path == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL does not name the wheel of acryl-datahub 1.7.0.17")
	}
	c, err := catalog.Load(t.Context(), wheelFile(path), "1.7.0.17", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRealRelease(t *testing.T) {
	c := realCatalog(t)
	if len(c.Extras) != 145 || len(c.Sources) != 120 {
		t.Errorf("%d extras and %d sources, want 145 and 120", len(c.Extras), len(c.Sources))
	}
	var noExtra, noSource []string
	for name := range c.Sources {
		if !c.HasExtra(name) {
			noExtra = append(noExtra, name)
		}
	}
	for name := range c.Extras {
		if _, ok := c.Sources[name]; !ok {
			noSource = append(noSource, name)
		}
	}
	slices.Sort(noExtra)
	if diff := cmp.Diff([]string{"csv-enricher", "datahub-apply", "datahub-mock-data", "demo-data", "file", "sqlmesh"}, noExtra); diff != "" {
		t.Errorf("sources without an extra (-want +got):\n%s", diff)
	}
	if len(noSource) != 31 {
		t.Errorf("%d extras are no source, want 31: %q", len(noSource), noSource)
	}
	for plugin, class := range map[string]string{
		"mysql": "datahub.ingestion.source.sql.mysql:MySQLSource", "demo-data": "datahub.ingestion.source.demo_data:DemoDataSource",
	} {
		if c.Sources[plugin] != class {
			t.Errorf("%s is %s, want %s", plugin, c.Sources[plugin], class)
		}
	}
}

// Which connectors lack their driver on arm64, of all there are.
func TestRealPlatformMarkers(t *testing.T) {
	c := realCatalog(t)
	for _, python := range []string{"3.11", "3.13"} {
		got := map[string][]string{}
		for source := range c.Sources {
			for _, platform := range manifest.Platforms {
				for _, d := range c.Dropped(source, platform, python) {
					got[source+" "+platform] = append(got[source+" "+platform], d.Requirement)
				}
			}
		}
		want := map[string][]string{"db2 linux/arm64": {"ibm_db_sa"}, "hana linux/arm64": {"hdbcli", "sqlalchemy-hana"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Python %s (-want +got):\n%s", python, diff)
		}
	}
	m := quickManifest(t, []string{"mysql", "hana"}, "linux/arm64")
	_, err := plan.New(m, plan.Options{Catalog: c})
	if !fault.Is(err, fault.Manifest) || len(fault.All(err)) != 2 { // one per driver
		t.Errorf("hana on arm64 gives %v", err)
	}
}

// Every connector whose wheels load OS libraries must be in the table.
func TestRealLibrariesAreListed(t *testing.T) {
	c := realCatalog(t)
	loaders := map[string]string{
		"pyodbc": "libodbc2", "python-ldap": "libldap2", "kerberos": "libgssapi-krb5-2", "requests-gssapi": "libgssapi-krb5-2", "gssapi": "libgssapi-krb5-2", "ibm-db-sa": "libpam0g",
	}
	// Extras that gather others, for development or for everything at once.
	gathering := []string{"all", "dev", "docs", "integration-tests"}
	for extra, requirements := range c.Extras {
		if slices.Contains(gathering, extra) {
			continue
		}
		for _, text := range requirements {
			r, err := pep508.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			pkg, ok := loaders[pep508.Normalise(r.Name)]
			if ok && !slices.Contains(plan.Libraries(extra, "trixie"), pkg) {
				t.Errorf("%s requires %s, so it needs %s", extra, r.Name, pkg)
			}
		}
	}
}

// The shipped manifests must plan, on both platforms and both suites, with a
// warm catalog in well under a second.
func TestRealPlansOfShippedManifests(t *testing.T) {
	c := realCatalog(t)
	for name, venvs := range map[string]int{"quickstart": 5, "wide": 24} {
		m, err := manifest.Load(manifest.Disk{}, "../../manifests/"+name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		m.Platforms = manifest.Platforms
		for _, suite := range manifest.Suites {
			m.Base.Debian.Suite = suite
			var p *plan.Plan
			testenv.Quick(t, 500*time.Millisecond, func() {
				if p, err = plan.New(m, plan.Options{Catalog: c}); err != nil {
					t.Fatal(err)
				}
			})
			if len(p.Venvs) != venvs {
				t.Errorf("%s has %d venvs, want %d", name, len(p.Venvs), venvs)
			}
			for _, v := range p.Venvs {
				if len(v.Sources) != len(v.Plugins) {
					t.Errorf("%s: %d sources for %q", v.Dir, len(v.Sources), v.Plugins)
				}
			}
		}
	}
}

// Each name that the release offers is accepted as a plugin on amd64, and
// each extra that is no source is refused.
func TestRealAcceptance(t *testing.T) {
	c := realCatalog(t)
	for _, offer := range c.Offers("trixie") {
		if _, err := plan.New(quickManifest(t, []string{offer.Plugin}, "linux/amd64"), plan.Options{Catalog: c}); err != nil {
			t.Errorf("%s is offered and refused: %v", offer.Plugin, err)
		}
	}
	for _, extra := range slices.Sorted(maps.Keys(c.Extras)) {
		if _, ok := c.Sources[manifest.Canonical(extra)]; ok {
			continue
		}
		if _, err := plan.New(quickManifest(t, []string{extra}, "linux/amd64"), plan.Options{Catalog: c}); !fault.Is(err, fault.Manifest) {
			t.Errorf("the extra %s is accepted as a plugin: %v", extra, err)
		}
	}
}

func quickManifest(t *testing.T, plugins []string, platform string) *manifest.Manifest {
	t.Helper()
	data, err := manifest.Init(manifest.Options{CLIVersion: "1.7.0.17", Plugins: plugins, Platforms: []string{platform}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Load(manifest.Disk{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
