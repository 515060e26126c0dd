package pypi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/wheel"
)

// candidate is the one file that stands for a version of a project on a
// target: the wheel that fits best, or an sdist whose wheel will be built.
type candidate struct {
	project string
	version pep440.Version
	name    string     // wheel file name; made up for sdists
	file    index.File // of the wheel or the sdist
	sdist   bool
}

// page is what a target may use of one project.
type page struct {
	project    string
	candidates []*candidate // by version, ascending
	refused    []refusal    // one for each version without a candidate
	files      int          // on the index, usable or not
}

// refusal is a file that is not offered, and why.
type refusal struct {
	version pep440.Version
	file    string
	reason  string
}

// find returns the candidate of a version, equal by PEP 440, or nil.
func (p *page) find(v pep440.Version) *candidate {
	for _, c := range p.candidates {
		if c.version.Compare(v) == 0 {
			return c
		}
	}
	return nil
}

// why explains, for people, what is there of a version that is not offered.
func (p *page) why(v pep440.Version) string {
	for _, r := range p.refused {
		if r.version.Compare(v) == 0 {
			return r.file + " " + r.reason
		}
	}
	return "the index has no such version"
}

// summary explains why a project has no candidate at all.
func (p *page) summary(t target) string {
	if p.files == 0 {
		return fmt.Sprintf("%s: its index does not have it", p.project)
	}
	if len(p.refused) == 0 {
		return fmt.Sprintf("%s: none of its %d files is a wheel or a .tar.gz", p.project, p.files)
	}
	last := slices.MaxFunc(p.refused, func(a, b refusal) int { return a.version.Compare(b.version) })
	return fmt.Sprintf("%s: nothing usable for %s among %d files; the newest, %s, %s", p.project, t, p.files, last.file, last.reason)
}

// rules decide which files of an index may be used.
type rules struct {
	target target
	cutoff time.Time       // files uploaded after it are not considered; zero: no rule
	locked map[string]bool // hashes of the previous lock, which come before all others of their version
}

// choose applies the rules to all files of a project. A project of which no
// version has a usable wheel gets candidates made from its sdists instead.
//
// It fails with fault.Resolve where the rules need an upload time that the
// index does not give.
func (r rules) choose(project string, files []index.File) (*page, error) {
	p := &page{project: project, files: len(files)}
	ranks := map[*candidate]rankKey{}
	wheels, sdists := map[string]*candidate{}, map[string]*candidate{}
	for _, f := range files {
		c, rank, ok, reason := r.consider(project, f)
		if c == nil {
			continue
		}
		if ok && !r.cutoff.IsZero() && f.Uploaded.IsZero() {
			return nil, fault.New(fault.Resolve, "applying the cooldown to %s: index %s gives no upload time for %s", project, f.Index, f.Name).
				Hint("use an index that gives upload times (PEP 700), or remove resolve.cooldown from the manifest")
		}
		if ok && !r.cutoff.IsZero() && f.Uploaded.After(r.cutoff) {
			ok, reason = false, "is younger than the cooldown (uploaded "+f.Uploaded.UTC().Format(time.DateOnly)+")"
		}
		if !ok {
			p.refused = append(p.refused, refusal{c.version, f.Name, reason})
			continue
		}
		into := wheels
		if c.sdist {
			into = sdists
		}
		ranks[c] = rank
		key := releaseKey(c.version)
		if best := into[key]; best == nil || rank.less(ranks[best]) {
			into[key] = c
		}
	}
	chosen := wheels
	if len(wheels) == 0 {
		chosen = sdists
	}
	for _, c := range chosen {
		p.candidates = append(p.candidates, c)
	}
	slices.SortFunc(p.candidates, func(a, b *candidate) int { return a.version.Compare(b.version) })
	p.keepTelling()
	return p, nil
}

// keepTelling drops what nobody will ask about: pages list thousands of files
// for other platforms, of versions that have a candidate.
func (p *page) keepTelling() {
	slices.SortFunc(p.refused, func(a, b refusal) int {
		return cmp.Or(a.version.Compare(b.version), cmp.Compare(a.file, b.file))
	})
	offered := map[string]bool{}
	for _, c := range p.candidates {
		offered[releaseKey(c.version)] = true
	}
	p.refused = slices.Clone(slices.DeleteFunc(p.refused, func(r refusal) bool {
		key := releaseKey(r.version)
		drop := offered[key]
		offered[key] = true
		return drop
	}))
}

// rankKey orders the files of one version: by tag, by build tag (higher
// first), by name.
type rankKey struct {
	tag   int
	build string
	name  string
}

func (a rankKey) less(b rankKey) bool {
	return cmp.Or(cmp.Compare(a.tag, b.tag), -compareBuild(a.build, b.build), cmp.Compare(a.name, b.name)) < 0
}

// compareBuild orders build tags: by their leading digits as a number, then
// the rest as text; none is the lowest (binary distribution format).
func compareBuild(a, b string) int {
	da, db := leadingDigits(a), leadingDigits(b)
	na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
	return cmp.Or(cmp.Compare(min(len(a), 1), min(len(b), 1)), cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb),
		cmp.Compare(a[len(da):], b[len(db):]))
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// releaseKey is equal for versions that PEP 440 holds equal ("1.0", "1.0.0").
func releaseKey(v pep440.Version) string {
	s := v.String()
	public, local, _ := strings.Cut(s, "+")
	end := strings.IndexFunc(public, func(r rune) bool { return r != '.' && r != '!' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(public)
	}
	release := strings.TrimSuffix(public[:end], ".")
	suffix := public[len(release):]
	for strings.HasSuffix(release, ".0") {
		release = strings.TrimSuffix(release, ".0")
	}
	return release + suffix + "+" + local
}

// consider reads one file's name. The candidate is nil for files that are
// neither a wheel nor a .tar.gz of the project; ok is false, with a reason,
// for those that may not be used on the target.
func (r rules) consider(project string, f index.File) (c *candidate, rank rankKey, ok bool, reason string) {
	switch {
	case strings.HasSuffix(f.Name, ".whl"):
		name, err := wheel.ParseFilename(f.Name)
		if err != nil || name.Name != project {
			return nil, rank, false, ""
		}
		version, err := pep440.Parse(name.Version)
		if err != nil {
			return nil, rank, false, ""
		}
		c = &candidate{project: project, version: version, name: f.Name, file: f}
		tag, fits := r.target.rank(name.Tags)
		if r.locked[f.SHA256] {
			tag = -1
		}
		rank = rankKey{tag, name.Build, f.Name}
		if !fits {
			return c, rank, false, "does not run on " + r.target.String()
		}
	case strings.HasSuffix(f.Name, ".tar.gz"):
		version, ok := sdistVersion(project, f.Name)
		if !ok {
			return nil, rank, false, ""
		}
		name := strings.ReplaceAll(project, "-", "_") + "-" + version.String() + "-py3-none-any.whl"
		c = &candidate{project: project, version: version, name: name, file: f, sdist: true}
		rank = rankKey{name: f.Name}
	default:
		return nil, rank, false, ""
	}
	switch {
	case f.Yanked:
		reason = "is yanked"
		if f.YankedReason != "" {
			reason += " (" + f.YankedReason + ")"
		}
		return c, rank, false, reason
	case !r.pythonFits(f.RequiresPython):
		return c, rank, false, "needs Python " + f.RequiresPython
	}
	return c, rank, true, ""
}

// pythonFits tests Requires-Python. What cannot be read excludes nothing, as
// with pip.
func (r rules) pythonFits(requires string) bool {
	if requires == "" {
		return true
	}
	spec, err := pep440.ParseSpecifiers(requires)
	if err != nil {
		return true
	}
	// uv takes "3.13" for the first release of the series, too.
	version, err := pep440.Parse(r.target.Python + ".0")
	return err == nil && spec.Contain(version)
}

// sdistVersion takes the version from an sdist's name. Older tools leave
// dashes and dots in the project's part.
func sdistVersion(project, file string) (pep440.Version, bool) {
	stem := strings.TrimSuffix(file, ".tar.gz")
	for at := range len(stem) {
		if stem[at] != '-' || pep508.Normalise(stem[:at]) != project {
			continue
		}
		if v, err := pep440.Parse(stem[at+1:]); err == nil {
			return v, true
		}
	}
	return pep440.Version{}, false
}

// load gets the page of a project: local wheels where there are any, and only
// those; else what its index has.
func (r *resolver) load(ctx context.Context, t target, project string) (*page, error) {
	ru := rules{target: t, locked: r.lockedFiles(t)}
	if files := r.local[project]; len(files) > 0 {
		return ru.choose(project, files)
	}
	if days := r.req.Plan.Manifest.Resolve.CooldownDays; days > 0 {
		ru.cutoff = r.req.Now.AddDate(0, 0, -days)
	}
	files, err := r.req.Index.Files(ctx, project)
	switch {
	case errors.Is(err, index.ErrNotFound):
		return &page{project: project}, nil
	case err != nil:
		return nil, err
	}
	for _, f := range files {
		if f.Index == lock.LocalIndex || f.Index == lock.BuiltIndex {
			return nil, fault.New(fault.Manifest, "using index %q: the name is taken by lockforge itself", f.Index)
		}
	}
	return ru.choose(project, files)
}
