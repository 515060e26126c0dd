// Package pep440 reads, compares and matches Python version numbers as PEP 440
// defines them.
package pep440

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// maxLength bounds a version; numbers in it may be of any length below that.
const maxLength = 256

// Version is one parsed version. The zero value is no version.
type Version struct {
	epoch   string   // decimal without leading zeros, as every number here
	release []string // at least one number
	pre     string   // "a", "b", "rc" or ""
	preNum  string
	post    string // "" for none
	dev     string // "" for none
	local   []string
}

// The grammar of PEP 440, appendix B, without the leading "v" that it allows.
var grammar = regexp.MustCompile(`(?i)^(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)` +
	`(?:[-_.]?(alpha|beta|preview|pre|a|b|c|rc)[-_.]?([0-9]*))?` +
	`(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]*))?` +
	`(?:[-_.]?(dev)[-_.]?([0-9]*))?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

var preNames = map[string]string{
	"a": "a", "alpha": "a", "b": "b", "beta": "b",
	"c": "rc", "rc": "rc", "pre": "rc", "preview": "rc",
}

// Parse reads a version in any spelling that PEP 440 normalises, except that
// surrounding space and a leading "v" are refused.
func Parse(s string) (Version, error) {
	if len(s) > maxLength {
		return Version{}, fmt.Errorf("a version of %d characters, more than %d", len(s), maxLength)
	}
	m := grammar.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fmt.Errorf("%q is no PEP 440 version", s)
	}
	v := Version{epoch: number(m[1])}
	for _, part := range strings.Split(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	if m[3] != "" {
		v.pre, v.preNum = preNames[strings.ToLower(m[3])], number(m[4])
	}
	switch {
	case m[5] != "":
		v.post = number(m[5])
	case m[6] != "":
		v.post = number(m[7])
	}
	if m[8] != "" {
		v.dev = number(m[9])
	}
	if m[10] != "" {
		local := strings.NewReplacer("-", ".", "_", ".").Replace(strings.ToLower(m[10]))
		for _, part := range strings.Split(local, ".") {
			if isNumber(part) {
				part = number(part)
			}
			v.local = append(v.local, part)
		}
	}
	return v, nil
}

// String gives the normal form: "1!2.0rc1.post3.dev4+local.5".
func (v Version) String() string {
	var b strings.Builder
	if v.epoch != "" && v.epoch != "0" {
		b.WriteString(v.epoch + "!")
	}
	b.WriteString(v.withoutEpoch())
	if len(v.local) > 0 {
		b.WriteString("+" + strings.Join(v.local, "."))
	}
	return b.String()
}

// withoutEpoch gives the normal form without epoch and local label.
func (v Version) withoutEpoch() string {
	s := strings.Join(v.release, ".")
	if v.pre != "" {
		s += v.pre + v.preNum
	}
	if v.post != "" {
		s += ".post" + v.post
	}
	if v.dev != "" {
		s += ".dev" + v.dev
	}
	return s
}

// Compare orders versions as PEP 440 does: negative when v is older than w.
func (v Version) Compare(w Version) int {
	if c := compareNumbers(v.epoch, w.epoch); c != 0 {
		return c
	}
	if c := compareRelease(v.release, w.release); c != 0 {
		return c
	}
	if c := cmp.Compare(v.preRank(), w.preRank()); c != 0 {
		return c
	}
	if c := compareNumbers(v.preNum, w.preNum); c != 0 {
		return c
	}
	if c := compareOptional(v.post, w.post, -1); c != 0 {
		return c
	}
	if c := compareOptional(v.dev, w.dev, 1); c != 0 {
		return c
	}
	return compareLocal(v.local, w.local)
}

// preRank puts a development release of a final version before its
// pre-releases, and the final version after them.
func (v Version) preRank() int {
	switch {
	case v.pre == "a":
		return 1
	case v.pre == "b":
		return 2
	case v.pre == "rc":
		return 3
	case v.post == "" && v.dev != "":
		return 0
	default:
		return 4
	}
}

func compareRelease(a, b []string) int {
	for i := range max(len(a), len(b)) {
		x, y := "0", "0"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareOptional compares two numbers of which either may be absent; absent
// is the rank of an absent one against any present one.
func compareOptional(a, b string, absent int) int {
	switch {
	case a == "" && b == "":
		return 0
	case a == "":
		return absent
	case b == "":
		return -absent
	default:
		return compareNumbers(a, b)
	}
}

// compareLocal orders local labels: none first, then by part, where numbers
// come after words and more parts after fewer.
func compareLocal(a, b []string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := a[i], b[i]
		switch xn, yn := isNumber(x), isNumber(y); {
		case xn && yn:
			if c := compareNumbers(x, y); c != 0 {
				return c
			}
		case xn != yn:
			if xn {
				return 1
			}
			return -1
		default:
			if c := cmp.Compare(x, y); c != 0 {
				return c
			}
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compareNumbers compares decimals without leading zeros, of any length; ""
// is zero.
func compareNumbers(a, b string) int {
	a, b = number(a), number(b)
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return cmp.Compare(a, b)
}

func number(s string) string {
	s = strings.TrimLeft(s, "0")
	if s == "" {
		return "0"
	}
	return s
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
