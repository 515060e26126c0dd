package index

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNetrc(t *testing.T) {
	entry := func(name, user, password string) machine {
		return machine{name: name, login: login{user: user, password: password}}
	}
	tests := map[string]struct {
		text string
		want []machine
	}{
		"empty":    {"", nil},
		"one line": {"machine a.example login u password p", []machine{entry("a.example", "u", "p")}},
		"many lines, any order": {
			"machine A.example\n\tpassword p1\r\n\tlogin u1\n\nmachine b.example login u2 password p2\ndefault login u3 password p3\n",
			[]machine{entry("a.example", "u1", "p1"), entry("b.example", "u2", "p2"), entry("", "u3", "p3")},
		},
		"comments, one after an empty line": {
			"# first\nmachine a.example # host\n\n# of ours\nlogin u\npassword p # not so secret\n#machine b.example login x password y\n",
			[]machine{entry("a.example", "u", "p")},
		},
		"a password may hold or begin with #": {
			"machine a.example login u password #p#1\nmachine b.example login #u password p",
			[]machine{entry("a.example", "u", "#p#1"), entry("b.example", "#u", "p")},
		},
		"quotes and backslashes": {
			`machine a.example login "a user" password "p \"q\" \\ #"` + "\n" + `machine b.example login "" password p\"w`,
			[]machine{entry("a.example", "a user", `p "q" \ #`), entry("b.example", "", `p"w`)},
		},
		"macro is skipped, account too": {
			"machine a.example login u account x password p\nmacdef init\nmachine evil login e password e\n\nmachine b.example login v password q",
			[]machine{entry("a.example", "u", "p"), entry("b.example", "v", "q")},
		},
		"macro without an end":    {"macdef x\nmachine evil login e password e", nil},
		"values named as keys":    {"machine login login machine password password", []machine{entry("login", "machine", "password")}},
		"machine without a login": {"machine a.example", []machine{entry("a.example", "", "")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseNetrc(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(machine{}, login{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseNetrcRefuses(t *testing.T) {
	for _, text := range []string{
		"s3cret", "login u", "machine", "machine a.example login", "machine a.example s3cret p",
		"machine a.example password \"s3cret", "machine a.example password \"s3cret\n\"",
		"\n\nmachine a.example\nlogin u s3cret",
	} {
		entries, err := parseNetrc(text)
		if !errors.Is(err, errNetrc) {
			t.Errorf("%q: %v, %v", text, entries, err)
		} else if strings.Contains(err.Error(), "s3cret") || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseNetrc(f *testing.F) {
	f.Add("machine a login \"b\\\"\" password #c # d\nmacdef x\ny\n\ndefault login e")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseNetrc(text)
		if err != nil && !errors.Is(err, errNetrc) {
			t.Fatalf("untyped error: %v", err)
		}
		if len(entries) > len(text) {
			t.Fatalf("%d entries of %d bytes", len(entries), len(text))
		}
	})
}
