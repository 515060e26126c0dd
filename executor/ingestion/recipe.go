package ingestion

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/executor/recipe"
)

// readRecipe reads the recipe of a request. Upstream reads it as JSON in which
// strings may have line breaks and tabs as they are; such a text is made JSON
// first, for YAML would read it otherwise.
func readRecipe(text string) (*recipe.Recipe, error) {
	if strings.HasPrefix(text, "{") && len(text) <= recipe.MaxBytes {
		text = escapeControls(text)
	}
	r, err := recipe.Parse(strings.NewReader(text))
	if err != nil {
		return nil, &Error{Kind: BadRecipe, Err: fmt.Errorf("reading the recipe: %w", err)}
	}
	return r, nil
}

// escapeControls writes control characters inside of JSON strings as JSON
// wants them. All else stays, what is no JSON too.
func escapeControls(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	var out strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(text):
			out.WriteByte(c)
			i++
			c = text[i]
		}
		if quoted && c < ' ' {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteByte(c)
		}
	}
	if escaped := out.String(); json.Valid([]byte(escaped)) {
		return escaped
	}
	return text
}

// overlay returns the recipe with keys from the executor in place of its own.
func overlay(r *recipe.Recipe, keys map[string]any) (*recipe.Recipe, error) {
	text, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("adding to the recipe: %w", err)
	}
	more, err := recipe.Parse(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("adding to the recipe: %w", err)
	}
	return r.With(more), nil
}

// named returns the recipe with the run's id in it, whatever it said there,
// and with the name of the ingestion source where it has no name of its own:
// stateful ingestion keeps its state under that.
func named(r *recipe.Recipe, id, source string) (*recipe.Recipe, error) {
	keys := map[string]any{"run_id": id}
	if !r.Has("pipeline_name") && source != "" {
		keys["pipeline_name"] = source
	}
	return overlay(r, keys)
}
