package rootfs

import "testing"

func TestMatch(t *testing.T) {
	cases := []struct {
		pattern, name string
		want          bool
	}{
		{"usr/bin/git", "usr/bin/git", true}, {"usr/bin/git", "usr/bin/git2", false}, {"usr/bin/git", "usr/bin", false},
		{"usr/bin/*", "usr/bin/x", true}, {"usr/bin/*", "usr/bin/x/y", false},
		{"usr/share/doc/**", "usr/share/doc/a/b", true}, {"usr/share/doc/**", "usr/share/doc", true}, {"usr/share/doc/**", "usr/share/docs/a", false},
		{"usr/lib/python3.*/**/tests/**", "usr/lib/python3.13/a/b/tests/c", true}, {"usr/lib/python3.*/**/tests/**", "usr/lib/python3.13/tests/c", true},
		{"usr/lib/python3.*/**/tests/**", "usr/lib/python3.13/mytests/c", false}, {"**/x", "x", true}, {"**/x", "a/b/x", true}, {"**/x", "a/xx", false},
	}
	for _, c := range cases {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("%s matches %s: %v", c.pattern, c.name, got)
		}
	}
}

// TestRules checks that each rule can be told apart, says why, and that its
// patterns are well formed.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.ID == "" || r.Reason == "" || seen[r.ID] {
			t.Errorf("rule %+v has no identifier or reason, or is there twice", r)
		}
		seen[r.ID] = true
		for _, p := range r.Patterns {
			if p[0] == '/' || !match(p, patternExample(p)) {
				t.Errorf("rule %s: pattern %q fits nothing", r.ID, p)
			}
		}
	}
}

// patternExample replaces wildcards by something that they stand for.
func patternExample(pattern string) string {
	example := ""
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '*' && i+1 < len(pattern) && pattern[i+1] == '*':
			example += "a/b"
			i++
		case pattern[i] == '*':
			example += "1"
		case pattern[i] == '[':
			example += string(pattern[i+1])
			for pattern[i] != ']' {
				i++
			}
		default:
			example += string(pattern[i])
		}
	}
	return example
}
