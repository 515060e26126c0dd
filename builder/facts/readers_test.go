package facts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadRecord(t *testing.T) {
	const hash = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" // of nothing
	for _, tc := range []struct {
		name, record string
		want         []RecordRow
		bad          bool
	}{
		{"rows are sorted", "b.py," + hash + ",0\na/RECORD,,\n", []RecordRow{{"a/RECORD", "", -1}, {"b.py", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0}}, false},
		{"quoted", "\"a,b.py\",,\n", []RecordRow{{"a,b.py", "", -1}}, false},
		{"empty", "", nil, false},
		{"two fields", "a,b\n", nil, true},
		{"twice", "a,,\na,,\n", nil, true},
		{"another hash", "a,md5=abc,1\n", nil, true},
		{"short hash", "a,sha256=abc,1\n", nil, true},
		{"negative size", "a,,-1\n", nil, true},
		{"no number", "a,,x\n", nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readRecord([]byte(tc.record))
			if (err != nil) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadMetadata(t *testing.T) {
	for _, tc := range []struct {
		name, metadata string
		want           Distribution
		bad            bool
	}{
		{"expression first", "Name: A_b\nVersion: 1.0\nLicense: x\nLicense-Expression: MIT\nRequires-Dist: c\n\nRequires-Dist: no\n",
			Distribution{Name: "a-b", Version: "1.0", License: "MIT", Expression: "MIT", RequiresDist: []string{"c"}}, false},
		{"whole licence text", "Name: a\nVersion: 1\nLicense: " + strings.Repeat("x", 200) + "\n more\nClassifier: License :: OSI Approved :: BSD License\n",
			Distribution{Name: "a", Version: "1", License: "BSD License"}, false},
		{"Windows lines", "Name: a\r\nVersion: 1\r\n\r\n", Distribution{Name: "a", Version: "1"}, false},
		{"no version", "Name: a\n", Distribution{Name: "a"}, true},
		{"no header", "Name: a\nVersion: 1\nxx\n", Distribution{Name: "a", Version: "1"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readMetadata([]byte(tc.metadata))
			if (err != nil) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadStatusAndMD5Sums(t *testing.T) {
	got, err := readStatus([]byte("Package: a\nVersion: 1:2\nArchitecture: amd64\nSource: s (3)\nStatus: install ok installed\nConffiles:\n /etc/a 0123\n\nPackage: b\nVersion: 1\nStatus: deinstall ok config-files\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Package{{Name: "a", Version: "1:2", Arch: "amd64", Source: "s", Conffiles: []string{"etc/a"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"Package: a\n", "no field\n", " continued\n"} {
		if _, err := readStatus([]byte(bad)); err == nil {
			t.Errorf("status %q was accepted", bad)
		}
	}
	const sum = "d41d8cd98f00b204e9800998ecf8427e"
	sums, err := readMD5Sums([]byte(sum + "  lib/x\n" + sum + "  etc/y z\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]MD5{{"etc/y z", sum}, {"usr/lib/x", sum}}, sums); diff != "" {
		t.Errorf("md5sums (-want +got):\n%s", diff)
	}
	if _, err := readMD5Sums([]byte("zz  x\n")); err == nil {
		t.Error("a wrong md5sums line was accepted")
	}
}

func TestStartupKind(t *testing.T) {
	for p, want := range map[string]string{
		"opt/datahub/venvs/x/lib/python3.13/site-packages/a.pth":           "pth",
		"opt/datahub/store/a-1-0123456789ab/a.pth":                         "pth",
		"opt/datahub/store/a-1-0123456789ab/a.start":                       "start",
		"opt/datahub/store/a-1-0123456789ab/tmp/a.pth":                     "",
		"opt/datahub/store/a-1-0123456789ab/sitecustomize.py":              "sitecustomize",
		"opt/datahub/store/a-1-0123456789ab/usercustomize/__init__.py":     "usercustomize",
		"opt/datahub/store/a-1-0123456789ab/pkg/sitecustomize.py":          "",
		"usr/lib/python3.13/sitecustomize.py":                              "sitecustomize",
		"etc/python3.13/sitecustomize.py":                                  "sitecustomize",
		"usr/lib/python3/dist-packages/x.egg-link":                         "egg-link",
		"opt/datahub/venvs/x/lib/python3.13/site-packages/pkg/__init__.py": "",
	} {
		if got := startupKind(p); got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

func FuzzReaders(f *testing.F) {
	f.Add([]byte("a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"))
	f.Add([]byte("Name: a\nVersion: 1\n\nbody"))
	f.Add([]byte("Package: a\nVersion: 1\nConffiles:\n /etc/x 0\n"))
	f.Add([]byte("d41d8cd98f00b204e9800998ecf8427e  usr/x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := readRecord(b)
		for n := range rows {
			if err == nil && n > 0 && rows[n-1].Path >= rows[n].Path {
				t.Errorf("rows are not in order: %q, %q", rows[n-1].Path, rows[n].Path)
			}
		}
		if d, err := readMetadata(b); err == nil && (d.Name == "" || d.Version == "") {
			t.Error("metadata without name or version was accepted")
		}
		packages, err := readStatus(b)
		for _, p := range packages {
			if err == nil && (p.Name == "" || p.Version == "") {
				t.Error("a package without name or version was accepted")
			}
		}
		readMD5Sums(b)
		readAssignments(b)
	})
}
