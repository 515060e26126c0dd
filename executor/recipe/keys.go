package recipe

import "strings"

// keys checks the keys of one mapping as they come.
type keys struct {
	seen  map[string]position
	found *problems
}

func newKeys(found *problems) keys { return keys{seen: map[string]position{}, found: found} }

// check refuses a key that the mapping has already, or that the canonical form
// could not carry.
func (k keys) check(name string, at position) {
	checkString(name, at, k.found)
	if len(quote(nil, name)) > MaxKey {
		k.found.add(at, Key, "", "a key of more than %d bytes", MaxKey)
	}
	if first, ok := k.seen[name]; ok {
		k.found.add(at, Duplicate, "", "key %s is given twice, first in line %d", short(name), first.line)
		return
	}
	k.seen[name] = at
}

// checkString refuses what no value of a recipe can mean.
func checkString(s string, at position, found *problems) {
	if strings.IndexByte(s, 0) >= 0 {
		found.add(at, Encoding, "", "a NUL character")
	}
}
