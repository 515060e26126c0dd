// Package debian locks the OS part: from an archive's signed index to the
// packages of the interpreter and of the plugins' libraries, each by hash.
//
// The archive's signature is checked with keys pinned per suite and archive,
// the signed text against the suite asked for, the clock and the previous
// lock. Nothing else of the host's package management is trusted.
package debian

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/rootfs"
)

// Request says what to lock.
type Request struct {
	Suite    string         // codename, "trixie"
	Platform string         // "linux/amd64" or "linux/arm64"
	Packages []string       // of the plugins, by binary package name
	Previous []lock.Archive // of the lock that is replaced; none is older than this
	Mirrors  Mirrors
	Getter   Getter
	CacheDir string    // for package indexes, by hash
	Now      time.Time // the clock that dates are held against

	keys func(suite string, a ArchiveName) (openpgp.EntityList, error) // tests sign with their own
}

// Result is the OS part of one platform's lock.
type Result struct {
	Python   string // minor version, "3.13"
	Base     lock.Base
	Debs     []lock.Deb // sorted by name
	Excluded []Exclusion
}

// Resolve reads the suite's archives from the mirrors and selects the
// packages. Its errors are fault.Network (no mirror answers), fault.Signature
// and fault.Integrity (what answers is not acceptable), fault.Resolve (a
// package does not exist) and fault.Usage (unknown suite or platform).
func Resolve(ctx context.Context, r Request) (*Result, error) {
	suite, ok := rootfs.FindSuite(r.Suite)
	if !ok {
		return nil, fault.New(fault.Usage, "suite %q is not supported", r.Suite).Hint("supported are %s", suiteNames())
	}
	arch, ok := strings.CutPrefix(r.Platform, "linux/")
	if !ok || (arch != "amd64" && arch != "arm64") {
		return nil, fault.New(fault.Usage, "platform %q is not supported", r.Platform).Hint("supported are linux/amd64 and linux/arm64")
	}
	if r.keys == nil {
		r.keys = pinnedKeys
	}
	result := &Result{Python: suite.Python, Base: lock.Base{Suite: suite.Codename}}
	all := newCatalog(arch)
	for _, archive := range archives {
		date, err := readArchive(ctx, r, archive, all)
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "reading archive %s", archive.dir(r.Suite)).
				Hint("base.debian.mirrors and base.debian.securityMirrors in the manifest name other mirrors")
		}
		result.Base.Archives = append(result.Base.Archives, lock.Archive{Name: string(archive), Date: date.Format(time.RFC3339)})
	}
	if err := all.index(); err != nil {
		return nil, err
	}
	chosen, excluded, err := all.resolve(append(basePackages(suite), r.Packages...))
	if err != nil {
		return nil, fault.Wrap(fault.Resolve, err, "selecting the packages of %s for %s", r.Suite, r.Platform)
	}
	result.Excluded = excluded
	for _, p := range chosen {
		result.Debs = append(result.Debs, lock.Deb{
			Name: p.name, Version: p.version, Arch: p.arch, Source: p.source,
			Archive: string(p.archive), Path: p.path, Size: p.size, SHA256: p.sha256,
		})
	}
	slices.SortFunc(result.Base.Archives, func(a, b lock.Archive) int { return strings.Compare(a.Name, b.Name) })
	return result, nil
}

// basePackages are the roots of every image: the interpreter with its
// library, what compiled wheels link against, the certificate store, the time
// zones, and the C.UTF-8 locale (the only thing kept of libc-bin).
func basePackages(s rootfs.Suite) []string {
	return []string{
		"python" + s.Python + "-minimal", "libpython" + s.Python + "-stdlib",
		"libstdc++6", "zlib1g", "ca-certificates", "tzdata", "libc-bin",
	}
}

func suiteNames() string {
	var names []string
	for _, s := range rootfs.Suites() {
		names = append(names, s.Codename)
	}
	return strings.Join(names, " and ")
}

// readArchive takes one archive from the first mirror that serves it whole
// and adds its packages to all. The errors of every mirror are joined.
func readArchive(ctx context.Context, r Request, archive ArchiveName, all *catalog) (time.Time, error) {
	keys, err := r.keys(r.Suite, archive)
	if err != nil {
		return time.Time{}, err
	}
	w := want{suite: r.Suite, archive: archive, keys: keys, now: r.Now, previous: previousDate(r.Previous, archive)}
	indexes := indexReader{getter: r.Getter, cacheDir: filepath.Join(r.CacheDir, "debian")}
	mirrors := r.Mirrors.of(archive)
	if len(mirrors) == 0 {
		return time.Time{}, fault.New(fault.Usage, "no mirror is configured for archive %s", archive)
	}
	var failed []error
	for _, m := range mirrors {
		date, err := indexes.read(ctx, m, w, all)
		if err == nil {
			return date, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return time.Time{}, joinAll(failed)
}

// joinAll joins errors and keeps the kind of the gravest: a signature that
// does not hold must not look like a network failure.
func joinAll(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	kind := fault.KindOf(errs[0])
	for _, err := range errs {
		if fault.Is(err, fault.Signature) || fault.Is(err, fault.Integrity) {
			kind = fault.KindOf(err)
			break
		}
	}
	return fault.Wrap(kind, errors.Join(errs...), "%d problems", len(errs))
}
