package debian

import (
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// checkVersion refuses what Debian policy, section 5.6.12, doesn't allow.
func checkVersion(v string) error {
	epoch, upstream, revision := splitVersion(v)
	switch {
	case upstream == "" || strings.Trim(epoch, "0123456789") != "":
	case strings.HasSuffix(v, "-"), strings.HasPrefix(v, ":"):
	case strings.ContainsFunc(upstream+revision, func(r rune) bool { return !isVersionRune(r) }):
	default:
		return nil
	}
	return fault.New(fault.Integrity, "version %q is not valid", v)
}

func isVersionRune(r rune) bool {
	return isDigit(r) || isLetter(r) || strings.ContainsRune(".+-:~", r)
}

// compareVersions orders two versions as Debian policy, section 5.6.12, does:
// negative when a sorts before b.
func compareVersions(a, b string) int {
	epochA, upstreamA, revisionA := splitVersion(a)
	epochB, upstreamB, revisionB := splitVersion(b)
	if c := compareNumbers(epochA, epochB); c != 0 {
		return c
	}
	if c := compareParts(upstreamA, upstreamB); c != 0 {
		return c
	}
	return compareParts(revisionA, revisionB)
}

// splitVersion cuts [epoch:]upstream[-revision]. The revision follows the
// last hyphen; an absent one equals "0".
func splitVersion(v string) (epoch, upstream, revision string) {
	epoch, upstream, found := strings.Cut(v, ":")
	if !found {
		epoch, upstream = "0", v
	}
	if i := strings.LastIndexByte(upstream, '-'); i >= 0 {
		upstream, revision = upstream[:i], upstream[i+1:]
	}
	return epoch, upstream, revision
}

// compareParts compares alternately a run of non-digits, by rank, and a run
// of digits, by value.
func compareParts(a, b string) int {
	for a != "" || b != "" {
		var textA, textB, numberA, numberB string
		textA, a = cutRun(a, false)
		textB, b = cutRun(b, false)
		if c := compareTexts(textA, textB); c != 0 {
			return c
		}
		numberA, a = cutRun(a, true)
		numberB, b = cutRun(b, true)
		if c := compareNumbers(numberA, numberB); c != 0 {
			return c
		}
	}
	return 0
}

func cutRun(s string, digits bool) (run, rest string) {
	for i, r := range s {
		if isDigit(r) != digits {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func compareTexts(a, b string) int {
	for i := range max(len(a), len(b)) {
		if c := rank(a, i) - rank(b, i); c != 0 {
			return c
		}
	}
	return 0
}

// rank orders characters: tilde before the end of the text, the end before
// letters, letters before everything else.
func rank(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] == '~':
		return -1
	case isLetter(rune(s[i])):
		return int(s[i])
	default:
		return int(s[i]) + 256
	}
}

// compareNumbers compares decimal numbers of any length; "" is zero.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
