// Package programs carries the static programs that an image is made with and
// started by: unpack, which runs inside build steps, and executor, which is
// copied into the image. `make build` compiles them for every architecture
// into bin/ before it links lockforge.
package programs

import (
	"embed"
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/lockforge/lockforge/builder/fault"
)

//go:embed all:bin
var embedded embed.FS

// Unpack returns the program of the build steps for a Linux host of the given
// architecture (GOARCH, such as "amd64").
func Unpack(arch string) (*io.SectionReader, error) { return read(embedded, "unpack", arch) }

// Executor returns the image's entry point for the given architecture.
func Executor(arch string) (*io.SectionReader, error) { return read(embedded, "executor", arch) }

// read opens a program where it lies in this one: a copy of it would stay in
// memory for as long as a build takes.
func read(fsys fs.FS, name, arch string) (*io.SectionReader, error) {
	f, err := fsys.Open(path.Join("bin", name+"-linux-"+arch))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Build, "this lockforge carries no %s program for linux/%s", name, arch).
			Hint("build lockforge with `make build`, which compiles the programs it carries")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the %s program for linux/%s", name, arch)
	}
	info, err := f.Stat()
	content, ok := f.(io.ReaderAt)
	if err != nil || !ok {
		return nil, fault.Wrap(fault.Internal, err, "reading the %s program for linux/%s", name, arch)
	}
	return io.NewSectionReader(content, 0, info.Size()), nil
}
