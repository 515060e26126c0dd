package lock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func testWheel(name, version, index string) Wheel {
	file := strings.ReplaceAll(name, "-", "_") + "-" + version + "-py3-none-any.whl"
	return Wheel{Name: name, Version: version, File: file, Index: index, Size: 100, SHA256: sum(index + file)}
}

// sample is a small lock with one of everything.
func sample() *Lock {
	six, base, local := testWheel("six", "1.17.0", "default"), testWheel("acryl-datahub", "1.7.0.17", "default"), testWheel("acme-crm", "2.1", LocalIndex)
	built := testWheel("linear-tsv", "1.1.0", BuiltIndex)
	p := &Platform{
		Platform: "linux/amd64", Python: "3.13",
		Base: Base{Suite: "trixie", Archives: []Archive{{"security", "2026-11-21T08:00:00Z"}, {"main", "2026-11-15T08:00:00Z"}}},
		Debs: []Deb{
			{"zlib1g", "1:1.3.dfsg+really1.3.1-1+b1", "amd64", "zlib", "main", "pool/main/z/zlib/zlib1g_1.3_amd64.deb", 88, sum("z")},
			{"tzdata", "2026f-0+deb13u1", "all", "tzdata", "security", "pool/updates/main/t/tzdata/tzdata_2026f_all.deb", 90, sum("t")},
		},
		Wheels:     []Wheel{six, base, local, built},
		Sdists:     []Sdist{{"linear-tsv", "1.1.0", "linear-tsv-1.1.0.tar.gz", "default", 7, sum("s")}},
		BuildTools: []Wheel{testWheel("wheel", "0.48.0", "default"), testWheel("setuptools", "84.2.1", "default")},
		Reviewed:   []Reviewed{{six.File, "six.pth", sum("p"), "path entry only"}},
		Exceptions: []Exception{{"pip", "26.2.1", []string{"acryl-datahub"}, "installs packages"}},
		Venvs: []Venv{
			{Dir: "mysql-bundled", Label: "mysql", Plugins: []string{"mysql"}, Extras: []string{"datahub-rest", "mysql"},
				Sources: []Source{{"mysql", "mysql", "datahub.ingestion.source.sql.mysql:MySQLSource"}}, Wheels: []string{six.File, base.File}},
			{Dir: "common-venv", Label: "common", Plugins: []string{"acme-crm", "file"}, Links: []string{"file-bundled", "acme-crm-bundled"}, Extras: []string{"file"},
				Sources: []Source{{"file", "file", "datahub.ingestion.source.file:GenericFileSource"}}, Wheels: []string{base.File, local.File, built.File}},
		},
	}
	return &Lock{
		Version: 1, Manifest: "sha256:" + sum("m"), Resolved: "2026-11-22", CLIVersion: "1.7.0.17",
		Tools:  []Tool{{"uv", "0.13.9"}},
		Layers: Layers{Budget: 48, Buckets: 24, OwnAbove: 20 << 20, Compression: "zstd"}, Platforms: []*Platform{p},
	}
}

func TestMarshalIsCanonical(t *testing.T) {
	t.Parallel()
	first, err := Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	shuffled := sample()
	for _, p := range shuffled.Platforms {
		slices.Reverse(p.Wheels)
		slices.Reverse(p.Debs)
		slices.Reverse(p.Venvs)
		slices.Reverse(p.BuildTools)
		slices.Reverse(p.Base.Archives)
	}
	second, err := Marshal(shuffled)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Errorf("order changes the bytes:\n%s", diff)
	}
	parsed, err := Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(again)); diff != "" {
		t.Errorf("reading and writing changes the bytes:\n%s", diff)
	}
	for _, file := range []string{"six-1.17.0-py3-none-any.whl", "zlib1g_1.3_amd64.deb", "linear-tsv-1.1.0.tar.gz"} {
		if n := strings.Count(string(first), "file: "+file) + strings.Count(string(first), "/"+file); n != 1 {
			t.Errorf("%s is on %d lines as a file, want 1", file, n)
		}
	}
	if testing.Verbose() {
		t.Logf("\n%s", first)
	}
}

func TestEveryEditedByteIsDrift(t *testing.T) {
	t.Parallel()
	data, err := Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < 1000 {
		t.Fatalf("the sample has %d bytes only", len(data))
	}
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	for i := range data {
		edited := bytes.Clone(data)
		edited[i] ^= byte(1 + random.IntN(255))
		if _, err := Parse(edited); !fault.Is(err, fault.LockDrift) {
			t.Fatalf("byte %d (%q) is %q: %v", i, data[i], edited[i], err)
		}
	}
	for _, tail := range []string{"\n", " ", "x: 1\n", "---\n"} {
		if _, err := Parse(append(bytes.Clone(data), tail...)); !fault.Is(err, fault.LockDrift) {
			t.Errorf("with %q at the end: %v", tail, err)
		}
	}
}

// resigned gives the sample's bytes after an edit that also renews the digest.
func resigned(t *testing.T, old, new string) []byte {
	t.Helper()
	data, err := Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	body := string(data[:bytes.LastIndex(data, []byte(digestKey))])
	if !strings.Contains(body, old) {
		t.Fatalf("sample has no %q", old)
	}
	body = strings.Replace(body, old, new, 1)
	return []byte(body + digestKey + sum(body) + "\n")
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string][2]string{
		"unknown key":             {"resolved:", "extra: 1\nresolved:"},
		"duplicate key":           {"resolved:", "version: 1\nresolved:"},
		"other formatting":        {"version: 1\n", "version:  1\n"},
		"comment":                 {"version: 1\n", "version: 1 # one\n"},
		"anchor":                  {"cliVersion: ", "cliVersion: &a "},
		"format version":          {"version: 1\n", "version: 2\n"},
		"short hash":              {sum("z"), sum("z")[:63]},
		"upper-case hash":         {sum("z"), strings.ToUpper(sum("z"))},
		"file with a separator":   {"six-1.17.0-py3-none-any.whl, index", "../six-1.17.0-py3-none-any.whl, index"},
		"absolute pool path":      {"pool/main/z", "/pool/main/z"},
		"pool path with dots":     {"pool/main/z", "pool/../main/z"},
		"URL as an index":         {"index: default", "index: https://mirror.example/simple"},
		"host with a path":        {"index: default", "index: mirror.example/simple"},
		"URL in a reason":         {"reason: path entry only", "reason: see https://mirror.example"},
		"zero size":               {"size: 88", "size: 0"},
		"negative size":           {"size: 88", "size: -1"},
		"unknown platform":        {"platform: linux/amd64", "platform: windows/amd64"},
		"unknown suite":           {"suite: trixie", "suite: sid"},
		"venv of unknown wheel":   {"        - six-1.17.0-py3-none-any.whl", "        - six-1.16.0-py3-none-any.whl"},
		"wheel of no venv":        {"        - six-1.17.0-py3-none-any.whl\n", ""},
		"sdist without its wheel": {"index: sdist", "index: other"},
		"archive not listed":      {"archive: security", "archive: updates"},
		"name not normalised":     {"name: six", "name: Six"},
		"class of another form":   {"datahub.ingestion.source.sql.mysql:MySQLSource", "os.system"},
		"date":                    {`"2026-11-22"`, `"yesterday"`},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse(resigned(t, edit[0], edit[1])); !fault.Is(err, fault.LockDrift) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Parse(resigned(t, "version: 1\n", "version: 1\n")); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestReadAndWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.yaml.lock")
	_, err := Read(path)
	if !fault.Is(err, fault.LockMissing) {
		t.Fatalf("no file: %v", err)
	}
	if diff := cmp.Diff([]string{"run `lockforge lock " + strings.TrimSuffix(path, ".lock") + "`"}, fault.Hints(err)); diff != "" {
		t.Errorf("hint:\n%s", diff)
	}
	if err := Write(path, sample()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := sample()
	bad.Platforms[0].Wheels[0].SHA256 = "x"
	if err := Write(path, bad); !fault.Is(err, fault.Internal) {
		t.Errorf("writing an invalid lock: %v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the old file has changed (%v)", err)
	}
	if got, err := Read(path); err != nil || got.CLIVersion != "1.7.0.17" {
		t.Errorf("reading back: %v, %v", got, err)
	}
	if err := Write(filepath.Join(path, "below-a-file"), sample()); err == nil {
		t.Error("writing below a file succeeded")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	l := sample()
	second := *l.Platforms[0]
	second.Platform = "linux/arm64"
	l.Platforms = append(l.Platforms, &second)
	var got []string
	for _, f := range l.Files() {
		got = append(got, f.Origin+" "+f.Path+" "+f.Name)
	}
	want := []string{
		"default acryl-datahub acryl_datahub-1.7.0.17-py3-none-any.whl",
		"default linear-tsv linear-tsv-1.1.0.tar.gz",
		"default setuptools setuptools-84.2.1-py3-none-any.whl",
		"default six six-1.17.0-py3-none-any.whl",
		"debian:security pool/updates/main/t/tzdata/tzdata_2026f_all.deb tzdata_2026f_all.deb",
		"default wheel wheel-0.48.0-py3-none-any.whl",
		"debian:main pool/main/z/zlib/zlib1g_1.3_amd64.deb zlib1g_1.3_amd64.deb",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Files (-want +got):\n%s", diff)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	a, b := sample(), sample()
	p := b.Platforms[0]
	six := testWheel("six", "1.18.0", "default")
	p.Venvs[0].Wheels[0] = six.File
	p.Wheels[0] = six
	p.Wheels[1].SHA256 = sum("rebuilt")
	p.Debs[0].Version, p.Debs[0].SHA256 = "1:1.4", sum("z2")
	p.Exceptions = nil
	p.Venvs[1].Dir = "shared-venv"
	b.Tools[0].Version = "0.13.10"
	var got []string
	for _, c := range Diff(a, b) {
		got = append(got, c.String())
	}
	want := []string{
		"changed tool uv 0.13.9 -> 0.13.10",
		"removed venv common-venv (linux/amd64)",
		"added venv shared-venv (linux/amd64)",
		"removed package acme-crm 2.1 in common-venv (linux/amd64)",
		"added package acme-crm 2.1 in shared-venv (linux/amd64)",
		"rebuilt package acryl-datahub 1.7.0.17 in mysql-bundled (linux/amd64)",
		"removed package acryl-datahub 1.7.0.17 in common-venv (linux/amd64)",
		"added package acryl-datahub 1.7.0.17 in shared-venv (linux/amd64)",
		"removed package linear-tsv 1.1.0 in common-venv (linux/amd64)",
		"added package linear-tsv 1.1.0 in shared-venv (linux/amd64)",
		"upgraded package six 1.17.0 -> 1.18.0 in mysql-bundled (linux/amd64)",
		"removed exception pip 26.2.1 (linux/amd64)",
		"upgraded os zlib1g 1:1.3.dfsg+really1.3.1-1+b1 -> 1:1.4 (linux/amd64)",
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Diff (-want +got):\n%s", diff)
	}
	if changes := Diff(a, sample()); len(changes) != 0 {
		t.Errorf("equal locks differ: %v", changes)
	}
	if changes := Diff(nil, a); len(changes) == 0 {
		t.Error("nothing was added to an empty lock")
	}
}

func TestPylock(t *testing.T) {
	t.Parallel()
	text, err := sample().Pylock("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"lock-version = \"1.0\"\n", "requires-python = \"==3.13.*\"\n",
		"name = \"six\"\nversion = \"1.17.0\"\nmarker = \"'mysql-bundled' in dependency_groups\"\n",
		`path = "six-1.17.0-py3-none-any.whl", size = 100, hashes = {sha256 = "`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if _, err := sample().Pylock("linux/arm64"); !fault.Is(err, fault.Usage) {
		t.Errorf("unknown platform: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	data, err := Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:bytes.LastIndex(data, []byte(digestKey))])
	f.Add([]byte("version: 1\n"))
	f.Add([]byte("a: &a [x]\nb: [*a, *a]\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := Parse([]byte(string(body) + digestKey + sum(string(body)) + "\n"))
		if err != nil {
			if !fault.Is(err, fault.LockDrift) && !fault.Is(err, fault.Internal) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		again, err := Marshal(l)
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		if want := string(body) + digestKey + sum(string(body)) + "\n"; string(again) != want {
			t.Fatalf("accepted bytes that are not its own form")
		}
	})
}

func TestSame(t *testing.T) {
	t.Parallel()
	a, b := sample(), sample()
	b.Resolved = "2027-01-01"
	b.Platforms[0].Base.Archives[0].Date = "2027-01-01T00:00:00Z"
	b.Platforms[0].Venvs[0].Links = []string{}
	slices.Reverse(b.Platforms[0].Venvs)
	if !Same(a, b) {
		t.Error("dates, order and empty lists make a difference")
	}
	b.Platforms[0].Wheels[0].SHA256 = sum("other")
	if Same(a, b) {
		t.Error("another hash makes no difference")
	}
}
