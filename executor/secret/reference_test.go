package secret_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/secret"
)

func required(names ...string) []secret.Reference {
	var refs []secret.Reference
	for _, name := range names {
		refs = append(refs, secret.Reference{Name: name, Required: true})
	}
	return refs
}

func TestReferencesOfAValue(t *testing.T) {
	optional := []secret.Reference{{Name: "A"}}
	for _, tc := range []struct {
		value string
		want  []secret.Reference
	}{
		{"plain", nil},
		{"${A}", required("A")},
		{"x${A}y${B_2}z", required("A", "B_2")},
		{"${A}${A}", required("A")},
		{"${A:-x}", optional},
		{"${A-x}", optional},
		{"${A:=x}", optional},
		{"${A:+x}", optional},
		{"${A:?needed}", required("A")},
		{"${A?needed}", required("A")},
		{"${A:2:3}", required("A")},
		{"${#A}", required("A")},
		{"${DB-PASSWORD}", []secret.Reference{{Name: "DB"}}},
		{"${A:-x} ${A}", required("A")},
		{"${A:-${B}}", []secret.Reference{{Name: "A"}, {Name: "B"}}},
		{"${A:-{x}$B}", []secret.Reference{{Name: "A"}, {Name: "B"}}},
		{"$A", nil},
		{"pa$$word", nil},
		{"$A and ${B}", required("A", "B")},
		{"$$A and ${B}", required("B")},
		{`\${A} and \\${B}`, required("B")},
		{"${}", nil},
		{"${A", nil},
		{"$", nil},
		{"${A}$", required("A")},
		{"first\n${A}\nlast", required("A")},
	} {
		recipe, err := json.Marshal(map[string]any{"source": []any{map[string]any{"${KEY}": tc.value}, 7, nil, true}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := secret.References(recipe)
		if err != nil {
			t.Errorf("%q: %v", tc.value, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.value, diff)
		}
	}
}

func TestReferencesRefusesWhatTheCLIWould(t *testing.T) {
	for _, value := range []string{"${!A}", "${-x}", "${A} ${B", "${" + strings.Repeat("A", 256) + "}"} {
		recipe, err := json.Marshal([]string{value})
		if err != nil {
			t.Fatal(err)
		}
		if refs, err := secret.References(recipe); !errors.Is(err, secret.ErrSyntax) {
			t.Errorf("%q: %v, %v; want %v", value, refs, err, secret.ErrSyntax)
		}
	}
	if _, err := secret.References([]byte("{")); err == nil {
		t.Error("no error for broken JSON")
	}
}

func TestReferencesInText(t *testing.T) {
	const recipe = "source:\n  type: mysql # costs $5 or ${\n  config: {password: \"${PW}\", user: '${USER_:-root}'}\n"
	got, err := secret.ReferencesInText(strings.ReplaceAll(recipe, " or ${", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := []secret.Reference{{Name: "PW", Required: true}, {Name: "USER_"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzReferences(f *testing.F) {
	for _, seed := range []string{"${A}", "${A:-${B}}", `\${`, "${{}}", "$A${", "${#A:?}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		recipe, err := json.Marshal(map[string]string{"v": value})
		if err != nil {
			t.Skip()
		}
		refs, err := secret.References(recipe)
		if err != nil {
			return
		}
		for _, ref := range refs {
			if ref.Name == "" || strings.ContainsAny(ref.Name, "/.\\\x00- ") || !strings.Contains(value, ref.Name) {
				t.Errorf("%q gives the name %q", value, ref.Name)
			}
		}
	})
}
