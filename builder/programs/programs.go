// Package programs carries the static programs that an image is made with and
// started by: unpack, which runs inside build steps, and executor, which is
// copied into the image. `make build` compiles them for every architecture
// into bin/ before it links lockforge.
package programs

import (
	"embed"
	"errors"
	"io/fs"
	"path"

	"github.com/lockforge/lockforge/builder/fault"
)

//go:embed all:bin
var embedded embed.FS

// Unpack returns the program of the build steps for a Linux host of the given
// architecture (GOARCH, such as "amd64").
func Unpack(arch string) ([]byte, error) { return read(embedded, "unpack", arch) }

// Executor returns the image's entry point for the given architecture.
func Executor(arch string) ([]byte, error) { return read(embedded, "executor", arch) }

func read(fsys fs.FS, name, arch string) ([]byte, error) {
	b, err := fs.ReadFile(fsys, path.Join("bin", name+"-linux-"+arch))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Build, "this lockforge carries no %s program for linux/%s", name, arch).
			Hint("build lockforge with `make build`, which compiles the programs it carries")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the %s program for linux/%s", name, arch)
	}
	return b, nil
}
