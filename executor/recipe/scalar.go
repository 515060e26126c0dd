package recipe

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// What PyYAML's safe loader takes a plain scalar for: its resolver's patterns,
// without the parts that resolve refuses before.
var (
	pyBool  = lazyregexp.New(`^(?:(yes|Yes|YES|true|True|TRUE|on|On|ON)|no|No|NO|false|False|FALSE|off|Off|OFF)$`)
	pyNull  = lazyregexp.New(`^(?:~|null|Null|NULL|)$`)
	pyInt   = lazyregexp.New(`^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$`)
	pyFloat = lazyregexp.New(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?$`)
)

// doubtful are plain scalars that are refused, in the order of looking.
var doubtful = []struct {
	pattern   *lazyregexp.Regexp
	what, fix string
}{
	{lazyregexp.New(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?$`),
		"a date", "quote it"},
	{lazyregexp.New(`^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`), "a number of base 60 to the CLI", "quote it"},
	{lazyregexp.New(`^[-+]?0[0-7_]+$`), "an octal number to the CLI", "quote it, or write it without the leading zero"},
	{lazyregexp.New(`^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`), "no number that JSON knows", "quote it"},
	{lazyregexp.New(`^(?:=|<<)$`), "an operator of YAML 1.1", "quote it"},
}

// laterNumber is what YAML 1.2 and JSON take for a number. PyYAML takes some
// of it for text: 1e5, -.5.
var laterNumber = lazyregexp.New(`^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+|[-+]\.[0-9]+|0o[0-7]+)$`)

// maxDigits bounds a number's spelling.
const maxDigits = 400

// resolve gives a plain scalar the type that the CLI's loader gives it. Its
// messages leave out the value, which may be a password without quotes.
func resolve(s string, at position, found *problems) value {
	v := value{kind: text, at: at, text: s}
	for _, d := range doubtful {
		if d.pattern.MatchString(s) {
			found.add(at, Ambiguous, d.fix, "the value is %s", d.what)
			return v
		}
	}
	switch {
	case pyNull.MatchString(s):
		return value{at: at}
	case pyBool.MatchString(s):
		yes := pyBool.FindStringSubmatch(s)[1] != ""
		return value{kind: boolean, at: at, text: strconv.FormatBool(yes)}
	case pyInt.MatchString(s):
		v.kind, v.text = number, integer(s)
	case pyFloat.MatchString(s):
		v.kind, v.text = number, float(s)
	case laterNumber.MatchString(s):
		found.add(at, Ambiguous, "quote it, or write a number with a point and a signed exponent: 1.0e+5",
			"the value is text to the CLI and a number to other readers")
	default:
		checkString(s, at, found)
	}
	if v.text == "" {
		found.add(at, Ambiguous, "quote it", "the value is no number that can be kept")
	}
	return v
}

// integer returns the decimal spelling, or "" if there is none.
func integer(s string) string {
	digits := strings.ReplaceAll(s, "_", "")
	var n big.Int
	if _, ok := n.SetString(digits, 0); len(digits) > maxDigits || !ok {
		return ""
	}
	return n.String()
}

// float returns a spelling that both JSON and PyYAML take for the same float,
// with a point and a signed exponent, or "" if there is none.
func float(s string) string {
	digits := strings.ReplaceAll(s, "_", "")
	f, err := strconv.ParseFloat(digits, 64)
	if len(digits) > maxDigits || err != nil || math.IsInf(f, 0) {
		return ""
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		format = 'e'
	}
	mantissa, exponent, large := strings.Cut(strconv.FormatFloat(f, format, -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if large {
		mantissa += "e" + exponent
	}
	return mantissa
}
