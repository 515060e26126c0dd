package mask

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

const (
	// word is how many bytes the filter loads; it looks at no more of them
	// than the shortest pattern has.
	word = 8
	// hashBits makes the filter's table 16 KiB: half of a small first cache.
	hashBits = 17
)

// pattern is one form of one secret.
type pattern struct {
	text []byte
	name int // index of the secret
}

// automaton is that of Aho and Corasick, without tables of all transitions: a
// node costs 17 bytes, so that long keys in twenty encodings stay small.
//
// Nodes are numbered breadth first; the children of n are first[n] up to
// first[n+1], by rising label. Node 0 is the root.
type automaton struct {
	first []uint32
	label []byte
	fail  []uint32
	depth []uint32
	found []uint32 // index+1 of the longest pattern that ends here, or 0
	root  [256]uint32

	patterns []pattern
	longest  int
	// starts is a set of hashes: of the first gram bytes of every pattern.
	// Most bytes of most logs are dismissed with one look into it.
	starts [1 << hashBits / 64]uint64
	gram   int
	mask   uint64 // the gram lowest bytes
}

// span is a set of sorted patterns that share the bytes up to a node.
type span struct{ low, high int }

// newAutomaton finds each of the patterns, under the lowest name that has it.
func newAutomaton(patterns []pattern) *automaton {
	slices.SortFunc(patterns, func(a, b pattern) int {
		return cmp.Or(bytes.Compare(a.text, b.text), cmp.Compare(a.name, b.name))
	})
	patterns = slices.CompactFunc(patterns, func(a, b pattern) bool { return bytes.Equal(a.text, b.text) })
	a := &automaton{patterns: patterns, gram: word}
	size := 1
	for _, p := range patterns {
		size += len(p.text)
		a.longest = max(a.longest, len(p.text))
		a.gram = min(a.gram, len(p.text))
	}
	a.mask = 1<<(8*a.gram) - 1
	for _, p := range patterns {
		var start [word]byte
		copy(start[:], p.text)
		h := hash(binary.LittleEndian.Uint64(start[:]) & a.mask)
		a.starts[h>>6] |= 1 << (h & 63)
	}
	a.label = append(make([]byte, 0, size), 0)
	a.fail = append(make([]uint32, 0, size), 0)
	a.depth = append(make([]uint32, 0, size), 0)
	a.found = append(make([]uint32, 0, size), 0)
	a.first = make([]uint32, 0, size+1)

	level := []span{{0, len(patterns)}}
	for depth := 0; len(level) > 0; depth++ {
		var next []span
		for _, s := range level {
			node := uint32(len(a.first))
			a.first = append(a.first, uint32(len(a.label)))
			next = a.addChildren(next, node, s, depth)
		}
		level = next
	}
	a.first = append(a.first, uint32(len(a.label)))
	return a
}

func (a *automaton) addChildren(next []span, node uint32, s span, depth int) []span {
	for low := s.low; low < s.high; {
		text := a.patterns[low].text
		if len(text) == depth { // the pattern that ends at this node is the first of its span
			low++
			continue
		}
		high := low + 1
		for high < s.high && a.patterns[high].text[depth] == text[depth] {
			high++
		}
		a.addChild(node, text[depth], low, depth+1)
		next = append(next, span{low, high})
		low = high
	}
	return next
}

func (a *automaton) addChild(parent uint32, b byte, low, depth int) {
	child := uint32(len(a.label))
	var fail uint32
	if parent == 0 {
		a.root[b] = child
	} else {
		fail = a.step(a.fail[parent], b)
	}
	found := a.found[fail]
	if len(a.patterns[low].text) == depth {
		found = uint32(low) + 1
	}
	a.label = append(a.label, b)
	a.fail = append(a.fail, fail)
	a.depth = append(a.depth, uint32(depth))
	a.found = append(a.found, found)
}

// step returns the node of the longest beginning of a pattern that the text
// ends with, one byte further on.
func (a *automaton) step(node uint32, b byte) uint32 {
	for node != 0 {
		low, high := a.first[node], a.first[node+1]
		if high-low > 8 {
			i, ok := slices.BinarySearch(a.label[low:high], b)
			if ok {
				return low + uint32(i)
			}
		} else {
			for ; low < high; low++ {
				if a.label[low] == b {
					return low
				}
			}
		}
		node = a.fail[node]
	}
	return a.root[b]
}

// skip returns the first place from i on at which a pattern may begin, or one
// that has fewer than word bytes.
func (a *automaton) skip(text []byte, i int) int {
	// The loop that sees every byte: no loads that it can do without.
	starts, mask := &a.starts, a.mask
	for ; i+word <= len(text); i++ {
		h := hash(binary.LittleEndian.Uint64(text[i:]) & mask)
		if starts[h>>6]&(1<<(h&63)) != 0 {
			break
		}
	}
	return i
}

func hash(start uint64) uint64 { return start * 0x9E3779B97F4A7C15 >> (64 - hashBits) }
