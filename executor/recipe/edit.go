package recipe

import "slices"

// Source returns source.type, "" where there is no such text.
func (r *Recipe) Source() string {
	source, _ := r.root.get("source")
	name, ok := source.get("type")
	if !ok || name.kind != text {
		return ""
	}
	return name.text
}

// Has reports whether the recipe has a key at its top, with a value but null.
func (r *Recipe) Has(key string) bool {
	v, ok := r.root.get(key)
	return ok && v.kind != null
}

// With returns the recipe with the top-level keys of more in place of its own.
func (r *Recipe) With(more *Recipe) *Recipe {
	root := r.root
	root.fields = slices.DeleteFunc(slices.Clone(root.fields), func(f field) bool {
		_, replaced := more.root.get(f.name)
		return replaced
	})
	root.fields = append(root.fields, more.root.fields...)
	return &Recipe{root: root, canonical: encode(root)}
}

// Map returns the recipe with f's answer in place of each value that is a
// text; keys stay. It returns the first error of f.
func (r *Recipe) Map(f func(string) (string, error)) (*Recipe, error) {
	root, err := r.root.mapped(f)
	if err != nil {
		return nil, err
	}
	return &Recipe{root: root, canonical: encode(root)}, nil
}

func (v value) mapped(f func(string) (string, error)) (value, error) {
	var err error
	if v.kind == text {
		v.text, err = f(v.text)
		return v, err
	}
	v.items, v.fields = slices.Clone(v.items), slices.Clone(v.fields)
	for i := range v.items {
		if v.items[i], err = v.items[i].mapped(f); err != nil {
			return v, err
		}
	}
	for i := range v.fields {
		if v.fields[i].value, err = v.fields[i].value.mapped(f); err != nil {
			return v, err
		}
	}
	return v, nil
}
