package image

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/fault"
)

const layoutFile = `{"imageLayoutVersion":"1.0.0"}`

// WriteLayout adds an image to the OCI layout in dir, which is made if it is
// not there. Blobs the layout has are left alone; index.json is replaced last
// and atomically. The image takes the place of an earlier one of the same
// name, together with what cosign kept beside that one; images of other names
// stay. An empty name is a name like any other.
func WriteLayout(ctx context.Context, dir string, img *Image, name string) error {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return fault.Wrap(fault.Usage, err, "writing layout %s", dir)
	}
	out := layoutDir{dir}
	for _, c := range img.closure() {
		if err := out.put(ctx, c); err != nil {
			return err
		}
	}
	if err := replaceFile(filepath.Join(dir, "oci-layout"), []byte(layoutFile)); err != nil {
		return err
	}
	index, err := readLayoutIndex(dir)
	if errors.Is(err, fs.ErrNotExist) {
		index = indexJSON{}
	} else if err != nil {
		return fault.Wrap(fault.Usage, err, "writing layout %s", dir).Hint("the directory holds something else; name an empty one")
	}
	raw, err := json.Marshal(indexJSON{
		SchemaVersion: 2, MediaType: MediaTypeIndex,
		Manifests: replaceRoot(index.Manifests, named(img.Descriptor(), name)),
	})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing index.json of %s", dir)
	}
	return replaceFile(filepath.Join(dir, "index.json"), raw)
}

func named(d Descriptor, name string) Descriptor {
	if name != "" {
		d.Annotations = map[string]string{AnnotationRefName: name}
	}
	return d
}

// replaceRoot puts d in front of the others. Where d is there already all
// stays as it is, so that signatures of an unchanged image survive a rebuild.
func replaceRoot(all []Descriptor, d Descriptor) []Descriptor {
	name := d.Annotations[AnnotationRefName]
	kept := []Descriptor{d}
	for _, o := range all {
		if o.Digest == d.Digest && o.Annotations[AnnotationRefName] == name {
			return all
		}
		if isImageRoot(o) && o.Annotations[AnnotationRefName] != name {
			kept = append(kept, o)
		}
	}
	return kept
}

// put copies one blob unless a file of its size is there: its name is its
// hash, it got there by rename, and every reader hashes it again.
func (l layoutDir) put(ctx context.Context, c content) (err error) {
	path := l.path(c.desc.Digest)
	if st, err := os.Stat(path); err == nil && st.Size() == c.desc.Size {
		return nil
	}
	rc, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer rc.Close()
	return writeFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, rc)
		return err
	})
}

func replaceFile(path string, raw []byte) error {
	return writeFile(path, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

// writeFile makes a file by temporary file, fsync and rename.
func writeFile(path string, fill func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return fault.Wrap(fault.Usage, err, "writing %s", path)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	if err := fill(tmp); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "writing %s", path)
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return fault.Wrap(fault.Internal, err, "writing %s", path)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fault.Wrap(fault.Usage, err, "writing %s", path)
	}
	return nil
}
