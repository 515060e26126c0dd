package recipe

// position is a place in the text, counted from 1.
type position struct{ line, column int }

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	mapping
)

// value is a node of a recipe. Its zero value is null without a place.
type value struct {
	kind kind
	at   position
	// text is a string's content, or the canonical spelling of a number or a
	// boolean.
	text   string
	items  []value
	fields []field
}

// field is an entry of a mapping; fields keep the order of the text, which
// some connectors give a meaning.
type field struct {
	name  string
	at    position
	value value
}

// get returns the value of a key and whether the mapping has it.
func (v value) get(name string) (value, bool) {
	for _, f := range v.fields {
		if f.name == name {
			return f.value, true
		}
	}
	return value{}, false
}
