package wheel_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

func open(t *testing.T, b *wheeltest.Builder) *wheel.Wheel {
	t.Helper()
	content := b.Bytes(t)
	w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), b.Filename())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestOpenTellsWhatAWheelSays(t *testing.T) {
	w := open(t, wheeltest.New("Acme_Demo", "2.0.0rc1").Tag("py2.py3-none-any").
		File("demo.py", "x = 1\n").FileMode("demo/tool.sh", "#!", 0o100755).
		Requires("acryl-datahub", "PyMySQL>=1; extra == 'mysql'").Header("Provides-Extra", "mysql").Header("Requires-Python", ">=3.10").
		Header("License-Expression", "MIT").
		EntryPoint("console_scripts", "demo", "demo:main").EntryPoint("demo.plugins", "a", "demo.a:Plugin.make [extra]"))

	type said struct {
		Name, Version, DistInfo string
		Tags                    []wheel.Tag
		Requires, Extras        []string
		Python, License         string
		Purelib                 bool
		Points                  wheel.EntryPoints
	}
	want := said{
		"acme-demo", "2.0.0rc1", "Acme_Demo-2.0.0rc1.dist-info",
		[]wheel.Tag{{Python: "py2", ABI: "none", Platform: "any"}, {Python: "py3", ABI: "none", Platform: "any"}},
		[]string{"acryl-datahub", "PyMySQL>=1; extra == 'mysql'"}, []string{"mysql"},
		">=3.10", "MIT", true,
		wheel.EntryPoints{"console_scripts": {"demo": "demo:main"}, "demo.plugins": {"a": "demo.a:Plugin.make"}},
	}
	m := w.Metadata()
	got := said{w.Name, w.Version, w.DistInfo, w.Info().Tags, m.RequiresDist, m.ProvidesExtra, m.RequiresPython, m.LicenseExpression, w.Info().RootIsPurelib, w.EntryPoints()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var names []string
	for _, member := range w.Members() {
		names = append(names, member.Name)
		if member.Executable() != (member.Name == "demo/tool.sh") {
			t.Errorf("%s: executable %v", member.Name, member.Executable())
		}
		if (member.SHA256 == "") != (member.Name == w.RecordName()) {
			t.Errorf("%s: hash %q", member.Name, member.SHA256)
		}
	}
	dist := w.DistInfo + "/"
	if diff := cmp.Diff([]string{dist + "METADATA", dist + "RECORD", dist + "WHEEL", dist + "entry_points.txt", "demo.py", "demo/tool.sh"}, names); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestReadIsBounded(t *testing.T) {
	w := open(t, good())
	m := w.Member("demo/data.txt")
	if _, err := w.Read(m, m.Size-1); !errors.Is(err, limitio.ErrTooLarge) || !fault.Is(err, fault.Integrity) {
		t.Errorf("error = %v", err)
	}
	if got, err := w.Read(m, m.Size); err != nil || int64(len(got)) != m.Size {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

// An error of the destination is not the wheel's fault.
func TestCopyTellsWhoseErrorItIs(t *testing.T) {
	w := open(t, good())
	full := errors.New("disk full")
	_, err := w.Copy(failing{full}, w.Member("demo/data.txt"))
	if !errors.Is(err, full) || fault.Is(err, fault.Integrity) {
		t.Errorf("error = %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestDataPath(t *testing.T) {
	w := open(t, good().Data("purelib", "demo/x.py", "x"))
	for name, want := range map[string][2]string{
		"demo-1.0.data/purelib/demo/x.py": {"purelib", "demo/x.py"},
		"demo/data.txt":                   {"", "demo/data.txt"},
	} {
		scheme, rest := w.DataPath(w.Member(name))
		if diff := cmp.Diff(want, [2]string{scheme, rest}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
