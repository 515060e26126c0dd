package facts

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

// systemELF returns ELF files of the machine that the test runs on.
func systemELF(t testing.TB) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/*-linux-gnu/lib*.so.*", "/usr/lib64/lib*.so.*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files[:min(len(files), 60)]...)
	}
	return found
}

// The reader takes program headers; debug/elf takes section headers. On files
// that nobody tampered with both say the same.
func TestReadELFAgreesWithDebugELF(t *testing.T) {
	compared := 0
	for _, file := range systemELF(t) {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		defer f.Close()
		reference, err := elf.NewFile(f)
		if err != nil {
			continue
		}
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		got, err := readELF(f, st.Size())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		needed, _ := reference.DynString(elf.DT_NEEDED)
		soname, _ := reference.DynString(elf.DT_SONAME)
		runpath, _ := reference.DynString(elf.DT_RUNPATH)
		want := ELF{Class: 64, Machine: uint16(reference.Machine), Type: uint16(reference.Type), Needed: needed, Soname: strings.Join(soname, ""), Interp: got.Interp}
		if reference.Class == elf.ELFCLASS32 {
			want.Class = 32
		}
		if len(runpath) > 0 {
			want.RunPath = strings.Split(runpath[0], ":")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-debug/elf +got):\n%s", file, diff)
		}
		compared++
	}
	if compared == 0 {
		testenv.Missing(t, "no ELF files on this machine")
	}
}

func FuzzReadELF(f *testing.F) {
	for _, file := range systemELF(f)[:1] {
		if raw, err := os.ReadFile(file); err == nil {
			f.Add(raw[:min(len(raw), 8192)])
		}
	}
	f.Add([]byte("\x7fELF\x02\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := readELF(strings.NewReader(string(raw)), int64(len(raw)))
		if err != nil && !fault.Is(err, fault.Integrity) {
			t.Errorf("unexpected kind of %v", err)
		}
		if len(got.Needed) > maxNeeded {
			t.Errorf("%d libraries", len(got.Needed))
		}
	})
}

func TestLoaderSearchesAsLdSo(t *testing.T) {
	entries := []Entry{
		{Path: "app/bin/x", Type: "file"}, {Path: "app/lib/liba.so", Type: "file"}, {Path: "app/lib/libs.so", Type: "symlink", Link: "liba.so"},
		{Path: "lib", Type: "symlink", Link: "usr/lib"}, {Path: "opt/conf/libconf.so", Type: "file"},
		{Path: "usr/lib/libarm.so", Type: "file"}, {Path: "usr/lib/libnot.so", Type: "file"}, {Path: "usr/lib/x86_64-linux-gnu/libc.so.6", Type: "file"},
	}
	elves := []ELF{
		{Path: "app/bin/x", Class: 64, Machine: 62, RunPath: []string{"${ORIGIN}/../lib"}, RPath: []string{"/ignored"},
			Needed: []string{"liba.so", "libs.so", "libc.so.6", "libconf.so", "/app/lib/liba.so", "libarm.so", "libnot.so", "libgone.so"}},
		{Path: "app/lib/liba.so", Class: 64, Machine: 62}, {Path: "opt/conf/libconf.so", Class: 64, Machine: 62},
		{Path: "usr/lib/libarm.so", Class: 64, Machine: 183}, {Path: "usr/lib/x86_64-linux-gnu/libc.so.6", Class: 64, Machine: 62},
	}
	texts := map[string]text{"etc/ld.so.conf.d/a.conf": {content: []byte("# more\n/opt/conf\n")}}
	l := newLoader(newTree(entries, nil), elves, texts)
	if diff := cmp.Diff([]string{"libarm.so", "libnot.so", "libgone.so"}, l.unresolved(&elves[0])); diff != "" {
		t.Errorf("unresolved (-want +got):\n%s", diff)
	}
	elves[0].RunPath = nil
	elves[0].RPath = []string{"$ORIGIN/../lib"}
	if got := l.unresolved(&elves[0]); len(got) != 3 {
		t.Errorf("DT_RPATH is not searched: %v", got)
	}
}
