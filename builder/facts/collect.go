package facts

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/executor/contract"
	"golang.org/x/sync/errgroup"
)

// Collect reads all layers of a platform's image, as many at once as there
// are processors, and returns what is in them. Every digest, diff ID and size
// has been verified when it returns without an error. An image without layers
// or files is an error: facts about nothing would pass every check.
//
// Observers read along: see Observer.
//
// Errors: fault.Integrity, fault.Network from a registry, an observer's own.
// Files that are not what their names promise are no error but a Problem.
func Collect(ctx context.Context, p *image.Platform, observers ...Observer) (*Facts, error) {
	f := &Facts{Digest: p.Digest(), Platform: p.Name(), Config: p.Config()}
	layers := p.Layers()
	scanners := make([]*scanner, len(layers))
	root := strings.TrimPrefix(f.venvRoot(), "/")
	workers := max(2, runtime.GOMAXPROCS(0))
	free := make(chan *workspace, workers)
	for range workers {
		w := newWorkspace()
		defer w.spool.close()
		free <- w
	}
	used := new(budget)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, n := range bySize(layers) {
		g.Go(func() error {
			w := <-free
			defer func() { free <- w }()
			s := newScanner(layers[n], root, w)
			s.used, s.observers = used, observers
			scanners[n] = s
			err := p.WalkLayer(gctx, layers[n], s.visit)
			s.workspace, s.retain = nil, nil
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	f.merge(scanners)
	if len(f.Layers) == 0 || len(f.Entries) == 0 {
		return nil, fault.New(fault.Integrity, "collecting facts of %s: %d layers with %d entries", f.Digest, len(f.Layers), len(f.Entries))
	}
	return f, nil
}

// bySize orders layers so that the largest starts first and none is left to
// one processor at the end.
func bySize(layers []image.Layer) []int {
	order := make([]int, len(layers))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(1, max(-1, layers[b].Size-layers[a].Size))) })
	return order
}

// venvRoot is where the image says its venvs are.
func (f *Facts) venvRoot() string {
	for _, kv := range f.Config.Env {
		if v, ok := strings.CutPrefix(kv, contract.EnvVenvPath+"="); ok && path.IsAbs(v) {
			return path.Clean(v)
		}
	}
	return contract.DefaultVenvPath
}

func (f *Facts) merge(scanners []*scanner) {
	f.IndexFiles = map[string]string{}
	for _, s := range scanners {
		f.Layers = append(f.Layers, s.layer)
		f.Entries = append(f.Entries, s.entries...)
		f.Whiteouts = append(f.Whiteouts, s.whiteouts...)
		f.Programs = append(f.Programs, s.programs...)
		f.Tools = append(f.Tools, s.tools...)
		f.ELF = append(f.ELF, s.elf...)
		f.Problems = append(f.Problems, s.problems...)
	}
	sortByPlace(f.Entries, func(e Entry) (string, int) { return e.Path, e.Layer })
	visible := newTree(f.Entries, f.Whiteouts)
	f.read(scanners, visible)
	f.relate(scanners, visible)
	f.sort()
}

// read turns texts into facts, layer by layer, whether a higher layer hides
// them or not.
func (f *Facts) read(scanners []*scanner, visible *tree) {
	records := map[place][]RecordRow{}
	for _, s := range scanners {
		for p, t := range s.texts {
			if strings.HasSuffix(p, "/RECORD") {
				rows, err := readRecord(t.content)
				f.note(p, t.layer, err)
				records[place{path.Dir(p), t.layer}] = rows
			}
		}
	}
	for _, s := range scanners {
		for p, t := range s.texts {
			f.text(p, t, visible)
		}
	}
	for n := range f.Python {
		d := &f.Python[n]
		d.Record = records[place{d.Path, d.Layer}]
		if _, is := lock.Installer(d.Name); is {
			f.Tools = append(f.Tools, Tool{d.Path, d.Layer, "installer", d.Name, "metadata"})
		}
	}
}

type place struct {
	path  string
	layer int
}

func (f *Facts) note(p string, layer int, err error) {
	if err != nil {
		f.Problems = append(f.Problems, Problem{p, layer, err.Error()})
	}
}

func (f *Facts) text(p string, t text, visible *tree) {
	dir, base := path.Split(p)
	at := visible.get(p)
	shown := at != nil && at.Layer == t.layer
	switch {
	case base == "METADATA" || base == "PKG-INFO" || strings.HasSuffix(base, ".egg-info"):
		f.distribution(p, t)
	case dir == "var/lib/dpkg/status.d/" && !strings.HasSuffix(base, ".md5sums"), p == "var/lib/dpkg/status":
		found, err := readStatus(t.content)
		f.note(p, t.layer, err)
		for _, d := range found {
			d.Path, d.Layer = p, t.layer
			f.Debian = append(f.Debian, d)
		}
	case base == "pip.conf" || base == "uv.toml":
		if shown {
			f.IndexFiles[p] = strings.ToValidUTF8(string(t.content), "\uFFFD")
		}
	case base == "os-release" && shown:
		f.OSRelease = readAssignments(t.content)
	case base == contract.MetadataFile && shown:
		f.Metadata = decode[contract.Metadata](f, p, t)
	case "/"+p == contract.BuildInfoPath && shown:
		f.Build = decode[contract.BuildInfo](f, p, t)
	}
}

func decode[T any](f *Facts, p string, t text) *T {
	v := new(T)
	if err := json.Unmarshal(t.content, v); err != nil {
		f.note(p, t.layer, err)
		return nil
	}
	return v
}

func (f *Facts) distribution(p string, t text) {
	d, err := readMetadata(t.content)
	d.Path, d.Layer, d.Kind = path.Dir(p), t.layer, "egg-info"
	if path.Base(p) == "METADATA" {
		d.Kind = "dist-info"
	}
	if strings.HasSuffix(p, ".egg-info") {
		d.Path = p
	}
	if err != nil {
		// What it calls itself still says what it is.
		name, version, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(path.Base(d.Path), ".dist-info"), ".egg-info"), "-")
		d.Name, d.Version = strings.ToLower(name), version
		f.note(p, t.layer, fmt.Errorf("reading metadata: %w", err))
	}
	if key, inside := storeKey(d.Path); key != "" && !strings.Contains(inside, "/") {
		d.Store = key
	}
	f.Python = append(f.Python, d)
}

// relate finds what follows from files taken together.
func (f *Facts) relate(scanners []*scanner, visible *tree) {
	texts := map[string]text{}
	md5sums := map[string][]MD5{}
	for _, s := range scanners {
		for p, t := range s.texts {
			if at := visible.get(p); at == nil || at.Layer != t.layer {
				continue
			}
			texts[p] = t
			if name, ok := strings.CutSuffix(path.Base(p), ".md5sums"); ok {
				rows, err := readMD5Sums(t.content)
				f.note(p, t.layer, err)
				name, _, _ = strings.Cut(name, ":")
				md5sums[name] = rows
			}
		}
	}
	for n := range f.Debian {
		f.Debian[n].Files = md5sums[f.Debian[n].Name]
	}
	libraries := newLoader(visible, f.ELF, texts)
	for n := range f.ELF {
		f.ELF[n].Unresolved = libraries.unresolved(&f.ELF[n])
	}
	f.Venvs = venvs(visible, texts, f.Python)
	f.bytecode(scanners, visible)
	for _, e := range f.Entries {
		f.entryFacts(e)
	}
}

// bytecode pairs each compiled file with its source: the one in the same
// layer, or the one that a container sees (the standard library's bytecode is
// a layer of its own).
func (f *Facts) bytecode(scanners []*scanner, visible *tree) {
	for n, s := range scanners {
		for _, b := range s.bytecode {
			c := Bytecode{Path: b.path, Layer: n, Flags: b.flags}
			source := sourceOf(b.path)
			hashes, ok := s.sources[source]
			if at := visible.get(source); !ok && at != nil {
				hashes, ok = scanners[at.Layer].sources[source]
			}
			if ok {
				c.Source = source
				if m := slices.Index(pythonMagics, b.magic); m >= 0 {
					c.Matches = hashes[m] == b.hash
				}
			}
			f.Bytecode = append(f.Bytecode, c)
		}
	}
}

// sourceOf names the source of a bytecode file, PEP 3147: what lies in
// __pycache__ belongs to the directory above, anything else beside it.
func sourceOf(p string) string {
	dir, base := path.Split(p)
	name, _, _ := strings.Cut(base, ".cpython-")
	if path.Base(dir) != "__pycache__" {
		return strings.TrimSuffix(p, "c")
	}
	return path.Join(path.Dir(path.Clean(dir)), strings.TrimSuffix(name, ".pyc")+".py")
}

func (f *Facts) entryFacts(e Entry) {
	if e.Type == image.File || e.Type == image.Symlink || e.Type == image.Hardlink {
		if kind := startupKind(e.Path); kind != "" {
			f.Startup = append(f.Startup, Startup{e.Path, e.Layer, kind, e.SHA256})
		}
	}
	if e.Type == image.Symlink {
		return // its own mode says nothing
	}
	switch {
	case e.Mode&0o002 != 0:
		f.Writable = append(f.Writable, Writable{e.Path, e.Layer, "world"})
	case e.UID != 0:
		f.Writable = append(f.Writable, Writable{e.Path, e.Layer, fmt.Sprintf("owner %d", e.UID)})
	case e.GID != 0 && e.Mode&0o020 != 0:
		f.Writable = append(f.Writable, Writable{e.Path, e.Layer, fmt.Sprintf("group %d", e.GID)})
	}
}
