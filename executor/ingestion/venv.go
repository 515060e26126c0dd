package ingestion

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/recipe"
)

// Venv is a bundled venv.
type Venv struct {
	bundle.Venv
	// Sources are the source types that it serves.
	Sources []string
	// Release is the version of its DataHub CLI, as the image's metadata says;
	// "" is unknown and taken for a current one.
	Release string
}

// FindVenv returns the venv of a plugin below root. The error for one that is
// not there lists those that are.
func FindVenv(root, plugin string) (Venv, error) {
	found, err := bundle.Find(root, plugin)
	metadata, metadataErr := bundle.Metadata(root)
	if errors.Is(err, bundle.ErrNotBundled) && metadataErr == nil {
		err = fmt.Errorf("%w; bundled are: %s", err, strings.Join(metadata.BundledPlugins, ", "))
	}
	if err == nil {
		err = metadataErr
	}
	if err != nil {
		return Venv{}, &Error{Kind: NotBundled, Err: err}
	}
	return Venv{Venv: found, Sources: recipe.Names(metadata, plugin), Release: metadata.CLIVersion}, nil
}

// VersionPolicy says what happens to a run that asks for another CLI than the
// bundled one.
type VersionPolicy string

// Version policies.
const (
	Strict        VersionPolicy = "strict"         // it is refused
	SameVersion   VersionPolicy = "same-version"   // it runs where it names the bundled version
	AlwaysBundled VersionPolicy = "always-bundled" // it runs with the bundled one, and the report says so
)

// bundledVersion is how a request asks for what the image has.
const bundledVersion = "bundled"

// judge returns what to note about the choice of the CLI, "" for nothing, or
// why the run is refused. A request that names no version takes what there is.
func (p VersionPolicy) judge(requested string, v Venv) (note string, err error) {
	if requested == "" || requested == bundledVersion {
		return "", nil
	}
	note = fmt.Sprintf("CLI version %.80q was asked for; the bundled %s runs instead (version policy %s)", requested, v.Release, p)
	switch {
	case p == AlwaysBundled:
		return note, nil
	case p == SameVersion && v.Release != "" && strings.TrimPrefix(requested, "v") == v.Release:
		return fmt.Sprintf("CLI version %s was asked for and is the bundled one", v.Release), nil
	default:
		return "", refuse(Version, "CLI version %.80q was asked for, and this image has only the bundled %s (version policy %s); set the source's CLI version to %q", requested, v.Release, p, bundledVersion)
	}
}

// Releases of the CLI from which on something is there.
const (
	releaseEnvelope  = "1.5.0.15" // takes secrets beside the recipe, over standard input
	releaseTokenFile = "1.7.0.14" // reads its token from a file, again and again
)

// before reports whether the venv's release is known and older than another.
// The numbers are compared one by one; one with letters after it, as in
// "15rc1", is older than the number alone.
func (v Venv) before(release string) bool {
	if v.Release == "" {
		return false
	}
	own, other := strings.Split(v.Release, "."), strings.Split(release, ".")
	for i, text := range other {
		n, late := leading(text)
		mine, rest := 0, ""
		if i < len(own) {
			mine, rest = leading(own[i])
		}
		if mine != n {
			return mine < n
		}
		if (rest == "") != (late == "") {
			return rest != ""
		}
	}
	return false
}

// leading splits a text into the number it begins with and the rest.
func leading(text string) (n int, rest string) {
	for i, c := range []byte(text) {
		if c < '0' || c > '9' || n > 1<<20 {
			return n, text[i:]
		}
		n = n*10 + int(c-'0')
	}
	return n, ""
}
