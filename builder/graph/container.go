package graph

import (
	"io/fs"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
)

// imageReference is the name under which a given image appears in BuildKit.
const imageReference = "lockforge.local/image@"

// Root is the definition whose result is the root file system of an image that
// the client offers under StoreID: of a platform ("linux/amd64"), by the digest
// of its manifest.
func Root(platform, manifest string) ([]byte, error) {
	target, err := platforms.Parse(platform)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading platform %q", platform)
	}
	return marshal(llb.OCILayout(imageReference+manifest, llb.OCIStore("", StoreID), llb.WithCustomName(inputPrefix+"image")), target)
}

// Directory is the definition whose result holds the directories, files and
// links of fsys, which belong to root. Contents are part of it: they are to be
// small.
func Directory(fsys fs.FS) ([]byte, error) {
	var made *llb.FileAction
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return err
		}
		made, err = add(made, fsys, p, d)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading a directory for a container")
	}
	state := llb.Scratch()
	if made != nil {
		state = state.File(made, llb.WithCustomName(inputPrefix+"files"))
	}
	return marshal(state, ocispec.Platform{OS: "linux"})
}

// add appends the making of one entry.
func add(made *llb.FileAction, fsys fs.FS, p string, d fs.DirEntry) (*llb.FileAction, error) {
	info, err := d.Info()
	if err != nil {
		return nil, err
	}
	switch {
	case d.IsDir():
		return made.Mkdir("/"+p, info.Mode().Perm()), nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := fs.ReadLink(fsys, p)
		return made.Symlink(target, "/"+p), err
	}
	content, err := fs.ReadFile(fsys, p)
	return made.Mkfile("/"+p, info.Mode().Perm(), content), err
}
