package recipe_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/recipe"
)

func parsed(t *testing.T, text string) *recipe.Recipe {
	t.Helper()
	r, err := recipe.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWithReplacesWholeKeysAndLeavesTheRecipe(t *testing.T) {
	r := parsed(t, `{"source": {"type": "mysql"}, "run_id": "forged", "sink": null}`)
	got := r.With(parsed(t, `{"run_id": "a", "sink": {"type": "datahub-rest"}}`))
	want := `{"source": {"type": "mysql"}, "run_id": "a", "sink": {"type": "datahub-rest"}}`
	if text := string(got.Canonical()); text != want {
		t.Errorf("got %s", text)
	}
	if again := parsed(t, want); string(again.Canonical()) != string(got.Canonical()) {
		t.Errorf("parsed again it is %s", again.Canonical())
	}
	if r.Has("sink") || !got.Has("sink") || got.Has("flags") || !strings.Contains(string(r.Canonical()), "forged") {
		t.Errorf("the recipe itself is %s", r.Canonical())
	}
}

func TestSource(t *testing.T) {
	for text, want := range map[string]string{
		`{"source": {"type": "mysql"}}`: "mysql",
		`{"source": {"type": 1}}`:       "",
		`{"source": "mysql"}`:           "",
		`{"sink": {"type": "file"}}`:    "",
	} {
		if got := parsed(t, text).Source(); got != want {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

func TestMapChangesTextsOnly(t *testing.T) {
	r := parsed(t, `{"a": ["x", 1, {"x": "x"}], "b": true, "c": "x"}`)
	got, err := r.Map(func(s string) (string, error) { return "quote\" ${" + s + "}\n", nil })
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a": ["quote\" ${x}\n", 1, {"x": "quote\" ${x}\n"}], "b": true, "c": "quote\" ${x}\n"}`
	if text := string(got.Canonical()); text != want {
		t.Errorf("got %s", text)
	}
	if strings.Contains(string(r.Canonical()), "quote") {
		t.Errorf("the recipe itself is %s", r.Canonical())
	}
	refusal := errors.New("no")
	if _, err := r.Map(func(string) (string, error) { return "", refusal }); !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
}
