package facts

import (
	"encoding/binary"
	"math/bits"
)

// siphash13 is SipHash-1-3 with the key (k, 0), as Python's
// _imp.source_hash uses it for hash-based bytecode files (PEP 552).
type siphash13 struct {
	v0, v1, v2, v3 uint64
	tail           uint64 // bytes that make no word yet, little end first
	n              uint64 // bytes written
}

func newSiphash13(k uint64) *siphash13 {
	return &siphash13{
		v0: k ^ 0x736f6d6570736575,
		v1: 0x646f72616e646f6d,
		v2: k ^ 0x6c7967656e657261,
		v3: 0x7465646279746573,
	}
}

func (s *siphash13) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

func (s *siphash13) word(w uint64) {
	s.v3 ^= w
	s.round()
	s.v0 ^= w
}

// Write never fails.
func (s *siphash13) Write(p []byte) (int, error) {
	all := len(p)
	for ; s.n%8 == 0 && len(p) >= 8; p = p[8:] {
		s.word(binary.LittleEndian.Uint64(p))
		s.n += 8
	}
	for len(p) > 0 {
		b := p[0]
		p = p[1:]
		s.tail |= uint64(b) << (8 * (s.n % 8))
		if s.n++; s.n%8 == 0 {
			s.word(s.tail)
			s.tail = 0
			for ; len(p) >= 8; p = p[8:] {
				s.word(binary.LittleEndian.Uint64(p))
				s.n += 8
			}
		}
	}
	return all, nil
}

func (s *siphash13) Sum64() uint64 {
	c := *s
	c.word(c.tail | c.n<<56)
	c.v2 ^= 0xff
	c.round()
	c.round()
	c.round()
	return c.v0 ^ c.v1 ^ c.v2 ^ c.v3
}

// SourceHash is what a hash-based bytecode file of a Python with the given
// magic number (3571 for 3.13) says of its source: importlib.util.source_hash,
// read as a little-endian number.
func SourceHash(magic uint16, source []byte) uint64 {
	h := newSiphash13(uint64(magic) | 0x0a0d0000)
	h.Write(source)
	return h.Sum64()
}
