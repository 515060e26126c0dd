package debian

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestParseDependencies(t *testing.T) {
	got, err := parseDependencies("libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0,\n python3:any (<< 3.14~), libx(=1:2-3)")
	if err != nil {
		t.Fatal(err)
	}
	want := []clause{
		{{"libc6", ">=", "2.38"}}, {{"debconf", ">=", "0.5"}, {"debconf-2.0", "", ""}},
		{{"python3", "<<", "3.14~"}}, {{"libx", "=", "1:2-3"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(relation{})); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"a (1)", "a (> 1)", "a (>= )", "a (>= 1", "a,,b", "a | ", "a [amd64]", "a <nocheck>", "a b", "(>= 1)"} {
		if _, err := parseDependencies(text); !fault.Is(err, fault.Integrity) {
			t.Errorf("%q: accepted, or another kind: %v", text, err)
		}
	}
}

func TestAdmits(t *testing.T) {
	cases := []struct {
		op, version, have string
		want              bool
	}{
		{"", "", "1", true}, {"", "", "", true}, {">=", "1", "", false},
		{">=", "1.0", "1.0", true}, {">=", "1.0", "1.0~rc1", false}, {">>", "1.0", "1.0", false}, {">>", "1.0", "1.0-1", true},
		{"=", "1.0-1", "1.0-1", true}, {"=", "1.0-1", "1.0-1+b1", false},
		{"<<", "2.42", "2.41-12", true}, {"<<", "2.42", "2.42", false}, {"<=", "2.42", "2.42", true}, {"<=", "2.42", "2.42-1", false},
	}
	for _, c := range cases {
		r := relation{"x", c.op, c.version}
		if got := r.admits(c.have); got != c.want {
			t.Errorf("%s admits %q: %v", r, c.have, got)
		}
	}
}
