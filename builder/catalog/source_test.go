package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/lockforge/lockforge/builder/catalog"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
)

// fakeIndex serves files from memory.
type fakeIndex struct {
	files   []index.File
	content map[string][]byte
}

func (f fakeIndex) Files(_ context.Context, project string) ([]index.File, error) {
	if project != "acryl-datahub" {
		return nil, fault.New(fault.Network, "unknown project %s", project)
	}
	return f.files, nil
}

func (f fakeIndex) Get(_ context.Context, url string, _ int64) (io.ReadCloser, int64, error) {
	c, ok := f.content[url]
	if !ok {
		return nil, 0, fault.New(fault.Network, "no %s", url)
	}
	return io.NopCloser(bytes.NewReader(c)), int64(len(c)), nil
}

func TestFromIndex(t *testing.T) {
	wheel := cli("1.7.0.17").Bytes(t)
	sum := sha256.Sum256(wheel)
	good := hex.EncodeToString(sum[:])
	other := hex.EncodeToString(make([]byte, 32))
	file := func(name, sha string) index.File { return index.File{Name: name, URL: "u/" + name, SHA256: sha} }
	const name = "acryl_datahub-1.7.0.17-py3-none-any.whl"
	f := fakeIndex{
		files: []index.File{
			file("acryl_datahub-1.7.0.17.tar.gz", other), file("acryl_datahub-1.7.0.17-cp313-cp313-linux_x86_64.whl", other), file("not a wheel.whl", other),
			file("acryl_datahub-1.7.0.1-py3-none-any.whl", good), file(name, good),
			file("acryl_datahub-1.7.0.16-py3-none-any.whl", good), file("acryl_datahub-1.7.0.15-py3-none-any.whl", good),
		},
		content: map[string][]byte{"u/" + name: wheel, "u/acryl_datahub-1.7.0.16-py3-none-any.whl": append(bytes.Clone(wheel), 0)},
	}
	f.files[3].Yanked, f.files[3].YankedReason = true, "broken"

	c, err := catalog.Load(t.Context(), catalog.FromIndex(f), "1.7.0.17", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if c.Wheel != name || c.SHA256 != good {
		t.Errorf("read %s with hash %s", c.Wheel, c.SHA256)
	}
	for version, want := range map[string]fault.Kind{
		"9.9":      fault.Resolve,   // unknown
		"1.7.0.1":  fault.Resolve,   // yanked
		"1.7.0.16": fault.Integrity, // other bytes than the index says
		"1.7.0.15": fault.Network,   // not to be had
	} {
		if _, err := catalog.Load(t.Context(), catalog.FromIndex(f), version, t.TempDir()); fault.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %v", version, err, want)
		}
	}
}

func TestReleaseErrorsPass(t *testing.T) {
	cause := errors.New("switched off")
	if _, err := catalog.Load(t.Context(), failing{cause}, "1.0", t.TempDir()); !errors.Is(err, cause) {
		t.Errorf("error = %v", err)
	}
}

type failing struct{ err error }

func (f failing) Release(context.Context, string) (catalog.Release, error) {
	return catalog.Release{}, f.err
}
