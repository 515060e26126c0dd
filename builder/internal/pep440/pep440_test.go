package pep440_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/internal/pep440"
)

func TestParseNormalises(t *testing.T) {
	tests := []struct{ in, want string }{
		{"1.7.0.17", "1.7.0.17"},
		{"1.7.0.17RC1", "1.7.0.17rc1"},
		{"1!2.0", "1!2.0"},
		{"0!2.0", "2.0"},
		{"01.007", "1.7"},
		{"1.0-alpha.2", "1.0a2"},
		{"1.0beta", "1.0b0"},
		{"1.0_preview3", "1.0rc3"},
		{"1.0-5", "1.0.post5"},
		{"1.0.rev", "1.0.post0"},
		{"1.0r4", "1.0.post4"},
		{"1.0.DEV12", "1.0.dev12"},
		{"1.0a1.post2.dev3+Ubuntu-01_x", "1.0a1.post2.dev3+ubuntu.1.x"},
	}
	for _, tt := range tests {
		v, err := pep440.Parse(tt.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		if got := v.String(); got != tt.want {
			t.Errorf("Parse(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", " 1.0", "1.0 ", "v1.0", "1..0", "1.0.", ".1", "latest", "bundled", "1.x", "1.0+", "1.0+a..b",
		"1.0+é", "!1", "1.0a1b1", "1.0;x", "1.0\n", strings.Repeat("1", 257),
	} {
		if v, err := pep440.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %q, want an error", in, v)
		}
	}
}

// The order that PEP 440 gives in its summary of permitted suffixes.
func TestCompareOrders(t *testing.T) {
	ordered := []string{
		"1.0.dev456", "1.0a1.dev1", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
		"1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7",
		"1.0+5", "1.0.post456.dev34", "1.0.post456", "1.0.15", "1.1.dev1", "1.10", "99999999999999999999999", "1!0.1",
	}
	for i, a := range ordered {
		for j, b := range ordered {
			got, want := parse(t, a).Compare(parse(t, b)), sign(i-j)
			if sign(got) != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if parse(t, "1.0").Compare(parse(t, "1.0.0")) != 0 {
		t.Error("trailing zeros must not matter")
	}
}

func TestSpecifiers(t *testing.T) {
	tests := []struct {
		spec, version string
		want          bool
	}{
		{"", "1.0", true},
		{">=3.10", "3.9", false},
		{">=3.10", "3.13", true},
		{">=3.10,<3.13", "3.13", false},
		{">=3.10,", "3.13", true},
		{"==3.*", "3.13", true},
		{"==3.1.*", "3.13", false},
		{"==3.1.*", "3.1", true},
		{"!=3.11.*", "3.11", false},
		{"==1.0", "1.0+local", true},
		{"==1.0+local", "1.0", false},
		{"===1.0", "1.0", true},
		{"===1.0", "1.0.0", false},
		{"~=2.2", "2.9", true},
		{"~=2.2", "3.0", false},
		{"~=2.2.1", "2.2.0", false},
		{"~=2.2.1", "2.3", false},
		{"<1.0", "1.0rc1", false},
		{"<1.0rc2", "1.0rc1", true},
		{"<1.0", "0.9rc1", true},
		{">1.0", "1.0.post1", false},
		{">1.0", "1.0+local", false},
		{">1.0.post0", "1.0.post1", true},
		{">1.0", "1.1.post1", true},
		{"<=1.0", "1.0+local", true},
		{"==1.0rc1.*", "1.0rc1.post1", true},
		{"==1.0rc1.*", "1.0", false},
	}
	for _, tt := range tests {
		set, err := pep440.ParseSpecifiers(tt.spec)
		if err != nil {
			t.Errorf("ParseSpecifiers(%q): %v", tt.spec, err)
			continue
		}
		if got := set.Contain(parse(t, tt.version)); got != tt.want {
			t.Errorf("%q contains %q = %v, want %v", tt.spec, tt.version, got, tt.want)
		}
	}
	for _, bad := range []string{"1.0", "=1.0", "~=1", ">=1.0.*", ">1.0+local", "==1.0+l.*", ">= ", "==x"} {
		if _, err := pep440.ParseSpecifiers(bad); err == nil {
			t.Errorf("ParseSpecifiers(%q) must be refused", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1!2.0a1.post2.dev3+x.4")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := pep440.Parse(s)
		if err != nil {
			return
		}
		again, err := pep440.Parse(v.String())
		if err != nil || again.Compare(v) != 0 || again.String() != v.String() {
			t.Errorf("%q normalises to %q, which reads as %q (%v)", s, v, again, err)
		}
	})
}

func parse(t *testing.T, s string) pep440.Version {
	t.Helper()
	v, err := pep440.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}
