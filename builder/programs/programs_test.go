package programs

import (
	"io"
	"testing"
	"testing/fstest"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestReadFindsAProgramByArchitecture(t *testing.T) {
	fsys := fstest.MapFS{
		"bin/unpack-linux-amd64": {Data: []byte("amd64 code")},
		"bin/unpack-linux-arm64": {Data: []byte("arm64 code")},
	}
	for arch, want := range map[string]string{"amd64": "amd64 code", "arm64": "arm64 code"} {
		program, err := read(fsys, "unpack", arch)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(program); err != nil || string(got) != want {
			t.Errorf("read(unpack, %s) = %q, %v; want %q", arch, got, err, want)
		}
	}
}

func TestAProgramThatIsNotCarriedIsABuildFault(t *testing.T) {
	for _, read := range []func(string) (*io.SectionReader, error){Unpack, Executor} {
		_, err := read("pdp11")
		if !fault.Is(err, fault.Build) || len(fault.Hints(err)) == 0 {
			t.Errorf("got %v, want a build fault with a hint", err)
		}
	}
}
