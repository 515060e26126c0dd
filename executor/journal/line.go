package journal

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
)

// format is the version that markers carry.
const format = 1

// headBytes is the length of a line's head: two hex numbers and their spaces.
const headBytes = 18

// maxLine bounds a line: the other members of a record fit into 1 KiB.
const maxLine = headBytes + MaxDataBytes + 1<<10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is a line of the file: a record, or the marker behind a snapshot. Its
// JSON is {"journal":1,"seq":7,"at":0} or {"batch":8,"seq":9,"at":0,"id":"x",
// "state":"ended","data":null}, always with this order and without space, so
// that a file of a hundred thousand runs is read while the executor starts.
type entry struct {
	Format int    // of the marker alone
	Batch  uint64 // Seq of the first record that was written with this one
	Record
}

// appendLine appends the line of e to b. The data is compact already.
func appendLine(b []byte, e entry) []byte {
	begin := len(b)
	b = append(b, make([]byte, headBytes)...)
	if e.Format != 0 {
		b = strconv.AppendInt(append(b, `{"journal":`...), int64(e.Format), 10)
	} else {
		b = strconv.AppendUint(append(b, `{"batch":`...), e.Batch, 10)
	}
	b = strconv.AppendUint(append(b, `,"seq":`...), e.Seq, 10)
	b = strconv.AppendInt(append(b, `,"at":`...), e.At, 10)
	if e.Format == 0 {
		b = append(append(append(b, `,"id":"`...), e.ID...), '"')
		b = append(append(append(b, `,"state":"`...), e.State...), '"')
	}
	if len(e.Data) > 0 {
		b = append(append(b, `,"data":`...), e.Data...)
	}
	b = append(b, '}')
	body := b[begin+headBytes:]
	copy(b[begin:], fmt.Sprintf("%08x %08x ", len(body), crc32.Checksum(body, castagnoli)))
	return append(b, '\n')
}

// parseLine reads the line that begins b, without regard to what follows its
// JSON, and returns how long it is without its newline. The data is part of b.
func parseLine(b []byte) (e entry, n int, ok bool) {
	length, sum, ok := parseHead(b)
	if !ok || headBytes+length > len(b) {
		return entry{}, 0, false
	}
	body := b[headBytes : headBytes+length]
	if crc32.Checksum(body, castagnoli) != sum {
		return entry{}, 0, false
	}
	e, ok = parseEntry(body)
	return e, headBytes + length, ok
}

// parseHead reads the head of a line: the length of its JSON and its checksum.
func parseHead(head []byte) (length int, sum uint32, ok bool) {
	if len(head) < headBytes || head[8] != ' ' || head[17] != ' ' {
		return 0, 0, false
	}
	size, sizeOK := parseHex(head[:8])
	sum, sumOK := parseHex(head[9:17])
	if !sizeOK || !sumOK || size > maxLine-headBytes {
		return 0, 0, false
	}
	return int(size), sum, true
}

// parseHex reads what "%08x" writes, and nothing else that means the same.
func parseHex(digits []byte) (uint32, bool) {
	var n uint32
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint32(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint32(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// parseEntry reads the JSON that appendLine writes.
func parseEntry(body []byte) (e entry, ok bool) {
	c := cursor{rest: body}
	marker := bytes.HasPrefix(body, []byte(`{"journal":`))
	if marker {
		e.Format = int(c.number(`{"journal":`))
	} else {
		e.Batch = uint64(c.number(`{"batch":`))
	}
	e.Seq = uint64(c.number(`,"seq":`))
	e.At = c.number(`,"at":`)
	if !marker {
		e.ID = string(c.text(`,"id":"`))
		e.State = states[rankOf(State(c.text(`,"state":"`)))]
	}
	if bytes.HasPrefix(c.rest, []byte(`,"data":`)) {
		c.skip(`,"data":`)
		end := max(len(c.rest)-1, 0)
		e.Data, c.rest = c.rest[:end], c.rest[end:]
		c.bad = c.bad || end == 0
	}
	c.skip("}")
	return e, !c.bad && len(c.rest) == 0 && (marker && e.Format > 0 || e.State != "" && e.ID != "")
}

// cursor reads the members of an entry one after the other.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) skip(what string) {
	if !bytes.HasPrefix(c.rest, []byte(what)) {
		c.bad = true
		return
	}
	c.rest = c.rest[len(what):]
}

func (c *cursor) number(name string) int64 {
	c.skip(name)
	n := bytes.IndexAny(c.rest, ",}")
	if c.bad || n < 0 {
		c.bad = true
		return 0
	}
	value, err := strconv.ParseInt(string(c.rest[:n]), 10, 64)
	c.bad = err != nil
	c.rest = c.rest[n:]
	return value
}

func (c *cursor) text(name string) []byte {
	c.skip(name)
	n := bytes.IndexByte(c.rest, '"')
	if c.bad || n < 0 {
		c.bad = true
		return nil
	}
	value := c.rest[:n]
	c.rest = c.rest[n+1:]
	return value
}
