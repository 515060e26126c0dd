package pypi

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/wheel"
)

// Target is what wheels must run on: CPython on Linux with glibc.
type Target struct {
	Platform string // "linux/amd64" or "linux/arm64"
	Python   string // minor version, "3.13"
	Glibc    string // "2.41"; wheels for newer ones are not considered
}

// glibcOf gives the C library of the supported suites.
var glibcOf = map[string]string{"bookworm": "2.36", "trixie": "2.41"}

// machines gives the kernel's word for an architecture.
var machines = map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

// uvGlibc lists the second numbers of glibc versions that uv has a platform
// for, sorted (uv's --python-platform).
var uvGlibc = []int{17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40}

// target is a checked Target.
type target struct {
	Target
	machine string
	python  int // 13 of 3.13
	glibc   int // the highest that both the target and uv know: 40 of 2.41
}

func newTarget(t Target) (target, error) {
	parsed := target{Target: t, machine: machines[t.Platform]}
	if parsed.machine == "" {
		return target{}, fault.New(fault.Usage, "choosing wheels for platform %q: not known", t.Platform)
	}
	minor, ok := strings.CutPrefix(t.Python, "3.")
	python, err := strconv.Atoi(minor)
	if !ok || err != nil || python < 8 || python > 99 {
		return target{}, fault.New(fault.Usage, "choosing wheels for Python %q: not known", t.Python)
	}
	second, ok := strings.CutPrefix(t.Glibc, "2.")
	glibc, err := strconv.Atoi(second)
	if !ok || err != nil || glibc < uvGlibc[0] {
		return target{}, fault.New(fault.Usage, "choosing wheels for glibc %q: not known", t.Glibc)
	}
	parsed.python = python
	for _, known := range uvGlibc {
		if known <= glibc {
			parsed.glibc = known
		}
	}
	return parsed, nil
}

// uvPlatform is the target in uv's words.
func (t target) uvPlatform() string { return fmt.Sprintf("%s-manylinux_2_%d", t.machine, t.glibc) }

// String names the target in messages.
func (t target) String() string { return t.Platform + ", Python " + t.Python }

// legacyManylinux gives the glibc of the names from before PEP 600.
var legacyManylinux = map[string]int{"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}

// rank says how well the best of a wheel's tags fits, smaller is better. The
// order is that of PEP 425 and of packaging.tags: the interpreter's own ABI
// first, then the stable ABI, newest first, then no ABI; a newer manylinux
// before an older one, any platform last.
func (t target) rank(tags []wheel.Tag) (int, bool) {
	best := math.MaxInt
	for _, tag := range tags {
		abi, ok := t.rankABI(tag.Python, tag.ABI)
		if !ok {
			continue
		}
		platform, ok := t.rankPlatform(tag.Platform)
		// Only code without an ABI can be for any platform.
		if !ok || (tag.Platform == "any" && tag.ABI != "none") {
			continue
		}
		if tag.Platform == "any" {
			abi += 1000
		}
		best = min(best, abi*1000+platform)
	}
	return best, best != math.MaxInt
}

// rankABI ranks interpreter and ABI: cp313-cp313 0, cp313-abi3 1, cp313-none 2,
// cp312-abi3 and older 3.., py313-none 200, py3-none 201, py312-none 202..
func (t target) rankABI(python, abi string) (int, bool) {
	own := "cp3" + strconv.Itoa(t.python)
	switch {
	case python == own && abi == own:
		return 0, true
	case python == own && abi == "abi3":
		return 1, true
	case python == own && abi == "none":
		return 2, true
	case python == "py3" && abi == "none":
		return 201, true
	}
	implementation := python[:min(2, len(python))]
	minor, err := strconv.Atoi(strings.TrimPrefix(python[len(implementation):], "3"))
	older := err == nil && strings.HasPrefix(python[len(implementation):], "3") && minor < t.python && minor >= 0
	switch {
	case implementation == "cp" && abi == "abi3" && older && minor >= 2:
		return 2 + t.python - minor, true
	case implementation == "py" && abi == "none" && err == nil && minor == t.python:
		return 200, true
	case implementation == "py" && abi == "none" && older:
		return 201 + t.python - minor, true
	}
	return 0, false
}

// rankPlatform ranks manylinux platforms up to the target's glibc, newest
// first, then plain linux, then any. musllinux is another C library.
func (t target) rankPlatform(platform string) (int, bool) {
	if platform == "any" {
		return 999, true
	}
	name, ok := strings.CutSuffix(platform, "_"+t.machine)
	if !ok {
		return 0, false
	}
	if name == "linux" {
		return 998, true
	}
	glibc, ok := legacyManylinux[name]
	if !ok {
		second, isManylinux := strings.CutPrefix(name, "manylinux_2_")
		n, err := strconv.Atoi(second)
		if !isManylinux || err != nil || strings.TrimLeft(second, "0") != second {
			return 0, false
		}
		glibc = n
	}
	// There was no manylinux for arm64 before 2014.
	if glibc > t.glibc || glibc < 5 || (t.machine == "aarch64" && glibc < 17) {
		return 0, false
	}
	return t.glibc - glibc, true
}

// pure reports whether a wheel has no compiled code by its tags.
func pure(tags []wheel.Tag) bool {
	return !slices.ContainsFunc(tags, func(t wheel.Tag) bool { return t.ABI != "none" || t.Platform != "any" })
}
