package catalog_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/catalog"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

const sources = "datahub.ingestion.source.plugins"

// cli builds a small release.
func cli(version string) *wheeltest.Builder {
	return wheeltest.New("acryl-datahub", version).
		Header("Requires-Python", ">=3.10,<3.14").
		Header("Provides-Extra", "mysql").
		Header("Provides-Extra", "DB_2").
		Header("Provides-Extra", "delta-lake").
		Header("Provides-Extra", "datahub-gc").
		Header("Provides-Extra", "s3-slim").
		Requires(
			"click",
			`PyMySQL>=1; extra == "mysql"`,
			`ibm_db_sa<1; (platform_machine == "x86_64" or platform_system == "Darwin") and extra == "db-2"`,
			`pyodbc; extra == "db-2"`,
			`pywin32; sys_platform == "win32" and extra == "db-2"`,
			`tomli; python_version < "3.11" and extra == "db-2"`,
			`deltalake<1; (platform_machine == "aarch64") and extra == "delta-lake"`,
			`DeltaLake>=1; (platform_machine != "aarch64") and extra == "delta-lake"`,
		).
		EntryPoint(sources, "mysql", "datahub.mysql:MySQLSource").
		EntryPoint(sources, "db-2", "datahub.db2:Db2Source").
		EntryPoint(sources, "unity-catalog", "datahub.unity:UnitySource").
		EntryPoint(sources, "s3", "datahub.s3:S3Source").
		EntryPoint("console_scripts", "datahub", "datahub.entrypoints:main").
		File("datahub/__init__.py", "")
}

// oneRelease is a Source that holds one wheel and counts what is asked of it.
type oneRelease struct {
	filename string
	content  []byte
	asked    int
}

func newRelease(t *testing.T, b *wheeltest.Builder) *oneRelease {
	return &oneRelease{filename: b.Filename(), content: b.Bytes(t)}
}

func (s *oneRelease) Release(context.Context, string) (catalog.Release, error) {
	s.asked++
	return catalog.Release{Filename: s.filename, SHA256: strings.Repeat("a", 64), Size: int64(len(s.content)), ReaderAt: bytes.NewReader(s.content)}, nil
}

func TestLoadReadsTheWheel(t *testing.T) {
	c, err := catalog.Load(t.Context(), newRelease(t, cli("1.7.0.17")), "1.7.0.17", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := &catalog.Catalog{
		CLIVersion: "1.7.0.17", RequiresPython: ">=3.10,<3.14", Wheel: "acryl_datahub-1.7.0.17-py3-none-any.whl", SHA256: strings.Repeat("a", 64),
		Extras: map[string][]string{
			"mysql": {`PyMySQL>=1; extra == "mysql"`},
			"db-2": {
				`ibm_db_sa<1; (platform_machine == "x86_64" or platform_system == "Darwin") and extra == "db-2"`, `pyodbc; extra == "db-2"`,
				`pywin32; sys_platform == "win32" and extra == "db-2"`, `tomli; python_version < "3.11" and extra == "db-2"`,
			},
			"delta-lake": {
				`deltalake<1; (platform_machine == "aarch64") and extra == "delta-lake"`, `DeltaLake>=1; (platform_machine != "aarch64") and extra == "delta-lake"`,
			},
			"datahub-gc": {}, "s3-slim": {},
		},
		Sources: map[string]string{
			"mysql": "datahub.mysql:MySQLSource", "db-2": "datahub.db2:Db2Source", "unity-catalog": "datahub.unity:UnitySource", "s3": "datahub.s3:S3Source",
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("catalog (-want +got):\n%s", diff)
	}
	for python, want := range map[string]bool{"3.9": false, "3.11": true, "3.13": true, "3.14": false} {
		if got := c.Supports(python); got != want {
			t.Errorf("Supports(%s) = %v", python, got)
		}
	}
}

func TestDropped(t *testing.T) {
	c, err := catalog.Load(t.Context(), newRelease(t, cli("1.7.0.17")), "1.7.0.17", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	db2 := []plan.Dropped{{Requirement: "ibm_db_sa", Marker: `platform_machine == "x86_64" or platform_system == "Darwin"`}}
	tests := []struct {
		extra, platform string
		want            []plan.Dropped
	}{
		{"db-2", "linux/arm64", db2},
		{"db-2", "linux/amd64", nil}, // Windows and older Pythons don't count
		{"delta-lake", "linux/amd64", nil},
		{"delta-lake", "linux/arm64", nil}, // the alternative is there
		{"mysql", "linux/arm64", nil},
		{"no-such-extra", "linux/arm64", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, c.Dropped(tt.extra, tt.platform, "3.13")); diff != "" {
			t.Errorf("%s on %s (-want +got):\n%s", tt.extra, tt.platform, diff)
		}
	}
}

func TestLoadUsesTheCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "catalog")
	src := newRelease(t, cli("1.7.0.17"))
	first, err := catalog.Load(t.Context(), src, "1.7.0.17", dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := catalog.Load(t.Context(), src, "1.7.0.17.0rc1", dir)
	if err == nil {
		t.Errorf("the cached catalog of 1.7.0.17 serves another release: %v", second)
	}
	src.asked = 0
	if second, err = catalog.Load(t.Context(), src, "1.07.0.17", dir); err != nil { // another spelling
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" || src.asked != 0 {
		t.Errorf("asked the source %d times, catalog (-first +second):\n%s", src.asked, diff)
	}

	path := filepath.Join(dir, "1.7.0.17.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"empty":         {},
		"truncated":     whole[:len(whole)/2],
		"changed":       bytes.Replace(whole, []byte("PyMySQL"), []byte("EvilSQL"), 1),
		"other format":  bytes.Replace(whole, []byte(`"format":1`), []byte(`"format":2`), 1),
		"other release": bytes.ReplaceAll(whole, []byte("1.7.0.17"), []byte("1.7.0.18")),
		"not JSON":      []byte("<html>"),
	} {
		src.asked = 0
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := catalog.Load(t.Context(), src, "1.7.0.17", dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, got); diff != "" || src.asked != 1 {
			t.Errorf("%s: asked the source %d times, catalog (-want +got):\n%s", name, src.asked, diff)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, whole) {
			t.Errorf("%s: the cache was not repaired: %v", name, err)
		}
	}
	left, err := filepath.Glob(dir + "/*")
	if err != nil || len(left) != 1 {
		t.Errorf("files in the cache: %q, %v", left, err)
	}
}

func TestBadReleases(t *testing.T) {
	for name, b := range map[string]*wheeltest.Builder{
		"another version":     cli("1.8"),
		"another project":     wheeltest.New("acme", "1.7.0.17").EntryPoint(sources, "a", "b:C"),
		"no sources":          wheeltest.New("acryl-datahub", "1.7.0.17").Header("Provides-Extra", "mysql"),
		"no extras":           wheeltest.New("acryl-datahub", "1.7.0.17").EntryPoint(sources, "a", "b:C"),
		"bad class":           cli("1.7.0.17").EntryPoint(sources, "evil", "os"),
		"bad requirement":     cli("1.7.0.17").Requires("--index-url=x"),
		"bad marker":          cli("1.7.0.17").Requires(`x; colour == "red"`),
		"bad Requires-Python": wheeltest.New("acryl-datahub", "1.7.0.17").Header("Requires-Python", "three").Header("Provides-Extra", "a").EntryPoint(sources, "a", "b:C"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := catalog.Load(t.Context(), newRelease(t, b), "1.7.0.17", dir)
			if !fault.Is(err, fault.Integrity) {
				t.Errorf("error = %v", err)
			}
			if left, _ := filepath.Glob(dir + "/*"); len(left) != 0 {
				t.Errorf("a refused release is cached: %q", left)
			}
		})
	}
	truncated := newRelease(t, cli("1.7.0.17"))
	truncated.content = truncated.content[:len(truncated.content)-10]
	if _, err := catalog.Load(t.Context(), truncated, "1.7.0.17", t.TempDir()); !fault.Is(err, fault.Integrity) {
		t.Errorf("a truncated wheel gives %v", err)
	}
	if _, err := catalog.Load(t.Context(), truncated, "latest", t.TempDir()); !fault.Is(err, fault.Manifest) {
		t.Errorf("a bad version gives %v", err)
	}
}

func TestOffers(t *testing.T) {
	c, err := catalog.Load(t.Context(), newRelease(t, cli("1.7.0.17")), "1.7.0.17", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	both := []string{"linux/amd64", "linux/arm64"}
	want := []catalog.Offer{
		{Plugin: "databricks", Source: "unity-catalog", Class: "datahub.unity:UnitySource", OSPackages: []string{}, Platforms: both},
		{Plugin: "db-2", Source: "db-2", Class: "datahub.db2:Db2Source", Extra: "db-2", OSPackages: []string{}, Platforms: both[:1]},
		{Plugin: "mysql", Source: "mysql", Class: "datahub.mysql:MySQLSource", Extra: "mysql", OSPackages: []string{}, Platforms: both},
		{Plugin: "s3", Source: "s3", Class: "datahub.s3:S3Source", Slim: "s3-slim", OSPackages: []string{}, Platforms: both},
		{Plugin: "unity-catalog", Source: "unity-catalog", Class: "datahub.unity:UnitySource", OSPackages: []string{}, Platforms: both},
	}
	if diff := cmp.Diff(want, c.Offers("trixie")); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
}
