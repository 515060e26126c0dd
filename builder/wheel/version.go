package wheel

import (
	"fmt"
	"regexp"
	"strings"
)

// versionPattern is the grammar of PEP 440, appendix B, without the white space
// around it. File names spell the dash of a local version as an underscore,
// which the grammar allows as well.
var versionPattern = regexp.MustCompile(`^v?` +
	`(?:(?P<epoch>[0-9]+)!)?` +
	`(?P<release>[0-9]+(?:\.[0-9]+)*)` +
	`(?:[-_.]?(?P<prel>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pren>[0-9]+)?)?` +
	`(?P<post>-(?P<postimplicit>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<postn>[0-9]+)?)?` +
	`(?P<dev>[-_.]?dev[-_.]?(?P<devn>[0-9]+)?)?` +
	`(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

var preSpelling = map[string]string{"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}

// maxVersion bounds a version's length in bytes.
const maxVersion = 128

// CanonicalVersion gives the normal form of a version as PEP 440 defines it.
// Trailing zeros of the release are kept: "1.0" and "1" are equal, see
// SameVersion, but have different normal forms.
func CanonicalVersion(version string) (string, error) {
	if len(version) > maxVersion {
		return "", fmt.Errorf("version of more than %d bytes", maxVersion)
	}
	groups := versionPattern.FindStringSubmatch(strings.ToLower(version))
	if groups == nil {
		return "", fmt.Errorf("version %q does not follow PEP 440", version)
	}
	part := func(name string) string { return groups[versionPattern.SubexpIndex(name)] }

	var b strings.Builder
	if epoch := number(part("epoch")); epoch != "0" {
		b.WriteString(epoch + "!")
	}
	for i, n := range strings.Split(part("release"), ".") {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(number(n))
	}
	if label := part("prel"); label != "" {
		if short := preSpelling[label]; short != "" {
			label = short
		}
		b.WriteString(label + number(part("pren")))
	}
	if part("post") != "" {
		b.WriteString(".post" + number(part("postimplicit")+part("postn")))
	}
	if part("dev") != "" {
		b.WriteString(".dev" + number(part("devn")))
	}
	if local := part("local"); local != "" {
		b.WriteString("+" + canonicalLocal(local))
	}
	return b.String(), nil
}

// SameVersion reports whether two versions are equal by PEP 440, that is with
// trailing zeros of the release ignored. A version that does not follow PEP 440
// equals none.
func SameVersion(a, b string) bool {
	a, errA := CanonicalVersion(a)
	b, errB := CanonicalVersion(b)
	return errA == nil && errB == nil && trimRelease(a) == trimRelease(b)
}

var canonicalRelease = regexp.MustCompile(`^((?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*?)(?:\.0)*((?:[^0-9.].*|\.(?:post|dev).*)?)$`)

func trimRelease(canonical string) string {
	return canonicalRelease.ReplaceAllString(canonical, "$1$2")
}

func canonicalLocal(local string) string {
	parts := separators.Split(local, -1)
	for i, p := range parts {
		if strings.Trim(p, "0123456789") == "" {
			parts[i] = number(p)
		}
	}
	return strings.Join(parts, ".")
}

// number strips leading zeros; no digits at all mean 0.
func number(digits string) string {
	if n := strings.TrimLeft(digits, "0"); n != "" {
		return n
	}
	return "0"
}
