package sandbox

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is an amount of memory or disk. Its text form always has a unit, so
// that nobody can take bytes for megabytes.
type Bytes uint64

var units = []struct {
	name string
	size uint64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3},
	{"B", 1},
}

// ParseBytes reads a whole number and its unit: B, kB, MB, GB (powers of 1000)
// or KiB, MiB, GiB (powers of 1024), such as "512MiB". A number without a unit
// is refused.
func ParseBytes(s string) (Bytes, error) {
	for _, unit := range units {
		digits, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(digits, " "), 10, 64)
		if err != nil || n > math.MaxInt64/unit.size {
			return 0, fmt.Errorf("reading the amount %q: want a whole number below 8 EiB and its unit", s)
		}
		return Bytes(n * unit.size), nil
	}
	return 0, fmt.Errorf("reading the amount %q: a unit is missing, such as MiB", s)
}

// String returns the amount in the biggest unit that divides it.
func (b Bytes) String() string {
	for _, unit := range units {
		if b != 0 && uint64(b)%unit.size == 0 {
			return strconv.FormatUint(uint64(b)/unit.size, 10) + unit.name
		}
	}
	return "0B"
}

// MarshalText is String, for JSON and YAML.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText is ParseBytes, for JSON and YAML.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}
