package manifest

import "github.com/lockforge/lockforge/builder/fault"

// Pos returns the place of a key by its path, such as "plugins[2]" or
// "indexes.default.url"; the nearest known parent's place where the key
// itself has none.
func (m *Manifest) Pos(path string) fault.Pos {
	for ; path != ""; path = parentKey(path) {
		if p, ok := m.positions[path]; ok {
			return p
		}
	}
	if p, ok := m.positions[""]; ok {
		return p
	}
	return fault.Pos{File: m.Path}
}

// Key returns the user's own word for a path: "plugins" in the YAML form,
// "BUNDLED_VENV_PLUGINS" where upstream's variables were given.
func (m *Manifest) Key(path string) string {
	if name, ok := m.names[path]; ok {
		return name
	}
	return path
}

// given reports whether the user wrote the key at path.
func (m *Manifest) given(path string) bool {
	_, ok := m.positions[path]
	return ok
}

func (m *Manifest) mark(path string, p fault.Pos) {
	if m.positions == nil {
		m.positions = map[string]fault.Pos{}
	}
	m.positions[path] = p
}

func (m *Manifest) call(path, name string) {
	if m.names == nil {
		m.names = map[string]string{}
	}
	m.names[path] = name
}

func parentKey(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}

// deepest returns the longest path that has a place, from path upwards.
func (m *Manifest) deepest(path string) string {
	for p := path; p != ""; p = parentKey(p) {
		if m.given(p) {
			return p
		}
	}
	return path
}
