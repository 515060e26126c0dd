package pypi

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/sealed"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/wheel"
)

// buildToolNames are the projects whose wheels build sdists: a backend and
// what its legacy form imports. Both are pure Python.
var buildToolNames = []string{"setuptools", "wheel"}

// buildTools returns the locked build tools: those of the previous lock while
// the index still has them, else the newest that the rules allow. A tool is
// the same on every platform, as it is pure Python.
func (r *resolver) buildTools(ctx context.Context, t target) ([]lock.Wheel, error) {
	return r.tools.do(t.Platform, func() ([]lock.Wheel, error) {
		var tools []lock.Wheel
		for _, name := range buildToolNames {
			p, err := r.page(ctx, t, name)
			if err != nil {
				return nil, err
			}
			c := r.toolCandidate(t, p)
			if c == nil {
				return nil, fault.New(fault.Resolve, "choosing build tools: %s", p.summary(t))
			}
			w, err := r.obtain(ctx, c)
			if err != nil {
				return nil, err
			}
			tools = append(tools, w)
		}
		return tools, nil
	})
}

func (r *resolver) toolCandidate(t target, p *page) *candidate {
	for _, old := range r.previous(t).BuildTools {
		at := slices.IndexFunc(p.candidates, func(c *candidate) bool { return c.file.SHA256 == old.SHA256 })
		if at >= 0 && r.keeps(p.project) {
			return p.candidates[at]
		}
	}
	for _, c := range slices.Backward(p.candidates) {
		name, err := wheel.ParseFilename(c.name)
		if err == nil && !c.sdist && pure(name.Tags) && isStable(c.version) {
			return c
		}
	}
	return nil
}

// sdistOf is the lock's entry for the source archive of a candidate. The
// archive is in the store.
func (r *resolver) sdistOf(c *candidate) (lock.Sdist, error) {
	blob, err := r.req.Store.Open(c.file.SHA256)
	if err != nil {
		return lock.Sdist{}, err
	}
	defer blob.Close()
	return lock.Sdist{
		Name: c.project, Version: c.version.String(), File: c.file.Name, Index: c.file.Index, Size: blob.Size(), SHA256: c.file.SHA256,
	}, nil
}

// build makes the wheel of a source archive, or takes the one that was made
// from the same archive with the same tools before.
func (r *resolver) build(ctx context.Context, c *candidate) (lock.Wheel, error) {
	if err := r.download(ctx, c.file); err != nil {
		return lock.Wheel{}, err
	}
	if err := r.refuseCompiled(c); err != nil {
		return lock.Wheel{}, err
	}
	s, err := r.sdistOf(c)
	if err != nil {
		return lock.Wheel{}, err
	}
	tools, err := r.buildTools(ctx, r.targets[0])
	if err != nil {
		return lock.Wheel{}, err
	}
	made, err := r.buildOnce(ctx, s, tools)
	if err != nil {
		return lock.Wheel{}, fault.Wrap(fault.KindOf(err), err, "building a wheel of %s", s.File)
	}
	name, err := wheel.ParseFilename(made.File)
	if err != nil {
		return lock.Wheel{}, err
	}
	if !pure(name.Tags) {
		return lock.Wheel{}, compiledFault(c, "its build made "+made.File)
	}
	return r.accept(c, made.File, made.SHA256, lock.BuiltIndex)
}

// maxBuilt bounds a kept result, in bytes.
const maxBuilt = 4096

// built is what a build of an sdist gave.
type built struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// buildOnce keeps the result by everything that it depends on.
func (r *resolver) buildOnce(ctx context.Context, s lock.Sdist, tools []lock.Wheel) (built, error) {
	key := []string{"1", s.File, s.SHA256, r.req.Plan.Python}
	for _, t := range tools {
		key = append(key, t.SHA256)
	}
	path := filepath.Join(r.req.CacheDir, "built", sumOf([]byte(strings.Join(key, "\n")))+".json")
	var b built
	if sealed.Read(path, maxBuilt, &b) == nil && r.req.Store.Has(b.SHA256, b.Size) {
		return b, nil
	}
	if r.req.Builder == nil {
		return built{}, fault.New(fault.Resolve, "no wheel of it exists, and sdists cannot be built here").
			Hint("give a wheel of %s %s under wheels: in the manifest", s.Name, s.Version)
	}
	step := r.req.Progress.Begin("build sdist " + s.File)
	sha, file, size, err := r.req.Builder.BuildWheel(ctx, s, tools)
	step.End(err)
	if err != nil {
		return built{}, err
	}
	b = built{File: file, SHA256: sha, Size: size}
	if err := sealed.Write(path, b); err != nil {
		return built{}, fault.Wrap(fault.Internal, err, "keeping the result")
	}
	return b, nil
}

// refuseCompiled refuses source archives that need a compiler.
func (r *resolver) refuseCompiled(c *candidate) error {
	blob, err := r.req.Store.Open(c.file.SHA256)
	if err != nil {
		return err
	}
	defer blob.Close()
	found, err := scanSdist(blob.Reader())
	if err != nil {
		return fault.Wrap(fault.Integrity, err, "reading %s", c.file.Name)
	}
	if len(found.sources) == 0 {
		return nil
	}
	what := "it has compiled sources (" + sample(found.sources, 3) + ")"
	if len(found.headers) > 0 {
		what += ", which need a compiler and the headers " + sample(found.headers, 6)
	}
	return compiledFault(c, what)
}

func compiledFault(c *candidate, what string) error {
	return fault.New(fault.Resolve, "using %s %s: no wheel fits the target, only an sdist, and %s", c.project, c.version, what).
		Hint("build a wheel of %s %s for the target elsewhere and give it in the manifest:  wheels: [{path: wheels/FILE.whl, sha256: \"...\"}]", c.project, c.version)
}

// sample joins the first n of a list.
func sample(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:n], ", ") + ", ..."
}

// isStable reports whether a version is no pre-release or development release.
func isStable(v pep440.Version) bool {
	public, _, _ := strings.Cut(v.String(), "+")
	return !strings.ContainsAny(strings.ReplaceAll(public, ".post", ""), "abcdefghijklmnopqrstuvwxyz")
}
