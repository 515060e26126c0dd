package debian

import (
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
)

// The pairs follow the rules of Debian policy, section 5.6.12, one by one;
// each was also put to dpkg --compare-versions.
func TestCompareVersions(t *testing.T) {
	smaller := []struct{ a, b, rule string }{
		{"1.0", "1.1", "numbers by value"},
		{"1.9", "1.10", "numbers by value, not by text"},
		{"1.0~rc1", "1.0", "tilde before the end"},
		{"1.0~~", "1.0~", "two tildes before one"},
		{"1.0~~a", "1.0~", "two tildes before one, whatever follows"},
		{"1.0", "1.0a", "end before letters"},
		{"1.0a", "1.0+", "letters before other characters"},
		{"1.0Z", "1.0a", "letters by code"},
		{"2.0", "1:0.1", "epoch first"},
		{"1:1.0", "2:0.5", "epoch by value"},
		{"1.0-1", "1.0-2", "revision last"},
		{"1.0", "1.0-1", "absent revision is 0"},
		{"1.0-9", "1.0-10", "revision by value"},
		{"1.0-1", "1.0-1+b1", "binary rebuild"},
		{"3.11.2-6+deb12u8", "3.11.2-6+deb12u9", "security update"},
		{"3.0.20-1~deb12u2", "3.0.22-1~deb12u2", "new upstream"},
		{"2026c-0+deb13u1", "2026f-0+deb13u1", "letters after a number"},
		{"1.0-1-1", "1.0-1-2", "upstream may hold hyphens"},
		{"1.18446744073709551616", "1.18446744073709551617", "numbers of any length"},
	}
	for _, c := range smaller {
		if compareVersions(c.a, c.b) >= 0 || compareVersions(c.b, c.a) <= 0 {
			t.Errorf("%s: %s does not sort before %s", c.rule, c.a, c.b)
		}
	}
	equal := [][2]string{{"1.0", "1.0"}, {"0:1.0", "1.0"}, {"1.0-0", "1.0"}, {"1.00", "1.0"}, {"1.0-01", "1.0-1"}, {"1.", "1.0"}}
	for _, c := range equal {
		if compareVersions(c[0], c[1]) != 0 {
			t.Errorf("%s and %s differ", c[0], c[1])
		}
	}
}

func TestCheckVersion(t *testing.T) {
	for _, v := range []string{"1", "1:1.3.dfsg+really1.3.1-1+b1", "5.1.1alpha+20120614", "7.0~beta", "1:2.47.3-."} {
		if err := checkVersion(v); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, v := range []string{"", ":1", "a:1", "1-", "1 2", "1_2", "é", "1:"} {
		if err := checkVersion(v); !fault.Is(err, fault.Integrity) {
			t.Errorf("%q is accepted", v)
		}
	}
}
