package pypi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/wheel"
)

// localIndex is short for the name that local wheels have in place of an index's.
const localIndex = lock.LocalIndex

func normalise(name string) string { return pep508.Normalise(name) }

// obtain brings the wheel of a candidate into the store and checks it: its
// hash and size against the index, its structure and every hash of its RECORD
// with the strict reader, its metadata against what the resolution used.
func (r *resolver) obtain(ctx context.Context, c *candidate) (lock.Wheel, error) {
	return r.wheels.do(c.name+" "+c.file.SHA256, func() (lock.Wheel, error) {
		if c.sdist {
			return r.build(ctx, c)
		}
		if c.file.Index != localIndex {
			if err := r.download(ctx, c.file); err != nil {
				return lock.Wheel{}, err
			}
		}
		return r.accept(c, c.name, c.file.SHA256, c.file.Index)
	})
}

// accept runs the strict reader over a wheel of the store.
func (r *resolver) accept(c *candidate, file, sha, indexName string) (lock.Wheel, error) {
	blob, err := r.req.Store.Open(sha)
	if err != nil {
		return lock.Wheel{}, err
	}
	defer blob.Close()
	if c.file.Size > 0 && !c.sdist && blob.Size() != c.file.Size {
		return lock.Wheel{}, fault.New(fault.Integrity, "checking %s: index %s says %d bytes, it has %d", file, indexName, c.file.Size, blob.Size())
	}
	w, err := wheel.Open(blob, blob.Size(), file)
	if err != nil {
		return lock.Wheel{}, err
	}
	if err := w.Verify(); err != nil {
		return lock.Wheel{}, err
	}
	if w.Name != c.project || !wheel.SameVersion(w.Version, c.version.String()) {
		return lock.Wheel{}, fault.New(fault.Integrity, "checking %s: it is %s %s, not %s %s", file, w.Name, w.Version, c.project, c.version)
	}
	return lock.Wheel{Name: c.project, Version: c.version.String(), File: file, Index: indexName, Size: blob.Size(), SHA256: sha}, nil
}

// checkServed compares the metadata that the resolution used with the wheel's
// own. A cached copy that differs is dropped, so that the next run reads anew.
func (r *resolver) checkServed(ctx context.Context, c *candidate) error {
	if c.sdist || c.file.Index == localIndex {
		return nil // read from the wheel itself
	}
	served, err := r.metadata(ctx, c)
	if err != nil {
		return err
	}
	blob, err := r.req.Store.Open(c.file.SHA256)
	if err != nil {
		return err
	}
	defer blob.Close()
	w, err := wheel.Open(blob, blob.Size(), c.name)
	if err != nil {
		return err
	}
	if w.Member(w.DistInfo+"/METADATA").SHA256 == sumOf(served) {
		return nil
	}
	return errors.Join(
		fault.New(fault.Integrity, "checking %s: index %s gave other metadata than the wheel holds", c.name, c.file.Index).
			Hint("run the command again; if it fails again, the index is broken or hostile"),
		ignoreAbsent(os.Remove(r.metadataPath(c.file.SHA256))))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// download fetches one file of an index into the store, with its hash checked
// on the way. A broken connection is tried again.
func (r *resolver) download(ctx context.Context, f index.File) error {
	if blob, err := r.req.Store.Open(f.SHA256); err == nil {
		return blob.Close()
	}
	step := r.req.Progress.Begin("fetch " + f.Name)
	var err error
	for range 4 {
		if err = r.downloadOnce(ctx, f); err == nil || !index.Temporary(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		kind := fault.KindOf(err)
		if index.Temporary(err) {
			kind = fault.Network
		}
		err = fault.Wrap(kind, err, "fetching %s from index %s", f.Name, f.Index)
	}
	step.End(err)
	return err
}

func (r *resolver) downloadOnce(ctx context.Context, f index.File) error {
	body, _, err := r.req.Index.Get(ctx, f.URL, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	limit := int64(wheel.MaxArchive)
	if f.Size > 0 {
		limit = min(limit, f.Size)
	}
	_, err = r.req.Store.PutExpected(body, limit, f.SHA256)
	return err
}

// loadLocal reads the manifest's own wheels, checks their hashes and puts them
// into the store. A project with a local wheel comes from nowhere else.
func (r *resolver) loadLocal() error {
	r.local = map[string][]index.File{}
	var problems []error
	for i, w := range r.req.Plan.Manifest.Wheels {
		f, project, err := r.loadLocalWheel(w.Path, w.SHA256)
		if err != nil {
			problems = append(problems, fault.Wrap(fault.KindOf(err), err, "using local wheel %s", w.Path).
				At(r.req.Plan.Manifest.Pos(fmt.Sprintf("wheels[%d]", i))))
			continue
		}
		r.local[project] = append(r.local[project], f)
	}
	return errors.Join(problems...)
}

func (r *resolver) loadLocalWheel(name, want string) (index.File, string, error) {
	base := filepath.Base(name)
	parsed, err := wheel.ParseFilename(base)
	if err != nil {
		return index.File{}, "", err
	}
	sha, size, err := r.req.Store.PutFile(filepath.Join(r.req.Dir, name), wheel.MaxArchive)
	if err != nil {
		return index.File{}, "", err
	}
	if sha != strings.ToLower(want) {
		return index.File{}, "", fault.New(fault.Integrity, "the manifest says sha256 %s, the file has %s", want, sha).
			Hint("if the file is the right one, write its hash into the manifest")
	}
	blob, err := r.req.Store.Open(sha)
	if err != nil {
		return index.File{}, "", err
	}
	defer blob.Close()
	w, err := wheel.Open(blob, size, base)
	if err != nil {
		return index.File{}, "", err
	}
	f := index.File{Name: base, SHA256: sha, Size: size, RequiresPython: w.Metadata().RequiresPython, Index: localIndex}
	return f, parsed.Name, w.Verify()
}

// isStartup reports whether a file at the top of site-packages is run by the
// interpreter's start: .pth and .start files (module site), sitecustomize and
// usercustomize in any form.
func isStartup(name string) bool {
	first, _, nested := strings.Cut(name, "/")
	module, _, _ := strings.Cut(first, ".")
	if module == "sitecustomize" || module == "usercustomize" {
		return true
	}
	ext := path.Ext(name)
	return !nested && (ext == ".pth" || ext == ".start")
}

// review finds the start-up files of a wheel and matches them with those that
// the manifest accepts by name and hash.
func (r *resolver) review(w lock.Wheel) ([]lock.Reviewed, error) {
	blob, err := r.req.Store.Open(w.SHA256)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	opened, err := wheel.Open(blob, blob.Size(), w.File)
	if err != nil {
		return nil, err
	}
	var accepted []lock.Reviewed
	var problems []error
	for _, m := range opened.Members() {
		scheme, name := opened.DataPath(m)
		if (scheme != "" && scheme != "purelib" && scheme != "platlib") || !isStartup(name) {
			continue
		}
		reason, ok := r.reviewed(name, m.SHA256)
		if !ok {
			problems = append(problems, fault.New(fault.Resolve, "accepting %s: %s runs at every start of Python and is not reviewed", w.File, name).
				Hint("read the file, then add to the manifest, under reviewed:  - {file: %q, sha256: %q, reason: \"...\"}", name, m.SHA256))
			continue
		}
		accepted = append(accepted, lock.Reviewed{Wheel: w.File, File: name, SHA256: m.SHA256, Reason: reason})
	}
	return accepted, errors.Join(problems...)
}

func (r *resolver) reviewed(file, sha string) (reason string, ok bool) {
	for _, v := range r.req.Plan.Manifest.Reviewed {
		if v.File == file && strings.EqualFold(v.SHA256, sha) {
			return v.Reason, true
		}
	}
	return "", false
}

// sortedUnique returns the list sorted and without repeats.
func sortedUnique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
