package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
)

// entry is a setting with its value, as it may be shown.
type entry struct {
	key   string
	value any
}

// entries leaves out what is not set and the sources that are not used.
func (c *Config) entries() []entry {
	var shown []entry
	for _, s := range Settings() {
		if c.Kafka == nil && strings.HasPrefix(s.Key, "kafka.") || c.Poll == nil && strings.HasPrefix(s.Key, "poll.") {
			continue
		}
		if value := show(s.field(c)); value != nil {
			shown = append(shown, entry{s.Key, value})
		}
	}
	for _, f := range Families() {
		if c.Kafka == nil {
			continue
		}
		if properties := *f.field(c); len(properties) > 0 {
			shown = append(shown, entry{f.Key, properties})
		}
	}
	return shown
}

// show turns a field into what JSON and texts have of it, nil where it is empty.
func show(field any) any {
	switch field := field.(type) {
	case *string:
		if *field != "" {
			return *field
		}
	case *Secret:
		if field.Set() {
			return field.String()
		}
	case *[]string:
		if len(*field) > 0 {
			return *field
		}
	case *Properties:
		if len(*field) > 0 {
			return *field
		}
	case *bool:
		return *field
	case *int:
		return *field
	case *float64:
		return *field
	case *time.Duration:
		return field.String()
	case *sandbox.Bytes:
		if *field != 0 {
			return field.String()
		}
	}
	return nil
}

// String returns one line per setting, without secrets.
func (c Config) String() string {
	var b strings.Builder
	for _, e := range c.entries() {
		if list, ok := e.value.([]string); ok {
			e.value = join(list)
		}
		fmt.Fprintf(&b, "%s = %v\n", e.key, e.value)
	}
	return b.String()
}

// join writes a list as a variable would have it.
func join(list []string) string {
	text := strings.Join(list, ",")
	if again, err := parseList(text); err == nil && slices.Equal(again, list) {
		return text
	}
	encoded, _ := json.Marshal(list) // texts only
	return string(encoded)
}

// Format covers every verb of fmt.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue covers slog.
func (c Config) LogValue() slog.Value {
	var attributes []slog.Attr
	for _, e := range c.entries() {
		attributes = append(attributes, slog.Any(e.key, e.value))
	}
	return slog.GroupValue(attributes...)
}

// MarshalJSON returns an object of the form of the file, without secrets.
func (c Config) MarshalJSON() ([]byte, error) {
	root := map[string]any{}
	for _, e := range c.entries() {
		group, key, nested := strings.Cut(e.key, ".")
		if !nested {
			root[group] = e.value
			continue
		}
		inner, ok := root[group].(map[string]any)
		if !ok {
			inner = map[string]any{}
			root[group] = inner
		}
		inner[key] = e.value
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	return b.Bytes(), nil
}
