package facts

import "testing"

// The sums are what importlib.util.source_hash of Python 3.11 (magic number
// 3495, key 0x0a0d0da7) and 3.13 (magic number 3571) return.
func TestSiphashIsPythonsSourceHash(t *testing.T) {
	for _, tc := range []struct {
		source string
		magic  uint64
		want   uint64
	}{
		{"", 0xa0d0da7, 0x737fe8d5d59c8d73},
		{"x = 1\n", 0xa0d0da7, 0x5252f793aa72034c},
		{"1234567", 0xa0d0da7, 0x1e62ae6b0c331b77},
		{"12345678", 0xa0d0da7, 0xe4b09142749d2834},
		{"import os\nprint(os.name)\n", 0xa0d0da7, 0xa811f32f0995fb97},
		{"", 0xa0d0df3, 0x14b8932f316dec27},
		{"x = 1\n", 0xa0d0df3, 0xe12513689e286e7},
		{"1234567", 0xa0d0df3, 0x81f2a8be9aed9a36},
		{"12345678", 0xa0d0df3, 0x7983a6a5343ec2e0},
		{"import os\nprint(os.name)\n", 0xa0d0df3, 0xd13c214e63d2ab07},
	} {
		h := newSiphash13(tc.magic)
		for _, b := range []byte(tc.source) {
			h.Write([]byte{b})
		}
		if got := h.Sum64(); got != tc.want {
			t.Errorf("%q under %#x: got %#x, want %#x", tc.source, tc.magic, got, tc.want)
		}
	}
}
