package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
)

// Bounds of a record.
const (
	// MaxDataBytes bounds the compact JSON of one record's data: an event of
	// 16 MiB, or a result within any server's limit, with room to spare.
	MaxDataBytes = 32 << 20
	// MaxIDBytes bounds the id of a run.
	MaxIDBytes = 256
)

// State is what became of a run. The order below is the only one.
type State string

// States of a run.
const (
	Accepted  State = "accepted"  // the task source may forget the request; data: the request
	Starting  State = "starting"  // a child may exist from now on
	Started   State = "started"   // data: the process
	Ended     State = "ended"     // data: the result to deliver; again: another result in its place
	Delivered State = "delivered" // the server has the result
	Dropped   State = "dropped"   // nothing is to be delivered: another executor owns the run
)

// rank orders the states; 0 is no state. From final on nothing follows.
type rank uint8

const (
	unknown rank = iota
	accepted
	starting
	started
	ended
	delivered
	dropped
	ranks

	final = delivered
)

var states = [ranks]State{accepted: Accepted, starting: Starting, started: Started, ended: Ended, delivered: Delivered, dropped: Dropped}

func rankOf(s State) rank {
	for r, name := range states {
		if name == s && s != "" {
			return rank(r)
		}
	}
	return unknown
}

// follows says whether a run in state r can get state next.
func (r rank) follows(next rank) error {
	switch {
	case next == accepted && r != unknown:
		return ErrDuplicate
	case next == accepted:
		return nil
	case r == unknown:
		return fmt.Errorf("%w: %s of a run that was not accepted", ErrOrder, states[next])
	case next > r && r < final, next == ended && r == ended:
		return nil
	default:
		return fmt.Errorf("%w: %s after %s", ErrOrder, states[next], states[r])
	}
}

// Record is one step of one run.
type Record struct {
	Seq   uint64          `json:"seq"`             // given by Append; orders records, whatever the clock did
	At    int64           `json:"at"`              // Unix milliseconds; 0: Append asks Options.Now
	ID    string          `json:"id,omitempty"`    // printable ASCII without quote and backslash, MaxIDBytes
	State State           `json:"state,omitempty"` //
	Data  json.RawMessage `json:"data,omitempty"`  // any JSON, MaxDataBytes
}

// entry is a line of the file: a record, or the marker behind a snapshot.
type entry struct {
	Format int    `json:"journal,omitempty"` // of the marker alone
	Batch  uint64 `json:"batch,omitempty"`   // Seq of the first record that was written with this one
	Record
}

// format is the version that markers carry.
const format = 1

// headBytes is the length of a line's head: two hex numbers and their spaces.
const headBytes = 18

// maxLine bounds a line: the other members of a record fit into 1 KiB.
const maxLine = headBytes + MaxDataBytes + 1<<10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// check validates a record for Append and returns its data in compact form.
func (r Record) check() (json.RawMessage, error) {
	if rankOf(r.State) == unknown {
		return nil, fmt.Errorf("%w: state %q", ErrInvalid, r.State)
	}
	if r.ID == "" || len(r.ID) > MaxIDBytes {
		return nil, fmt.Errorf("%w: an id of %d bytes", ErrInvalid, len(r.ID))
	}
	for _, c := range []byte(r.ID) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, fmt.Errorf("%w: id %q", ErrInvalid, r.ID)
		}
	}
	if len(r.Data) == 0 {
		return nil, nil
	}
	if len(r.Data) > MaxDataBytes {
		return nil, fmt.Errorf("%w: %d bytes of data; the limit is %d", ErrInvalid, len(r.Data), MaxDataBytes)
	}
	var compact bytes.Buffer
	compact.Grow(len(r.Data))
	if err := json.Compact(&compact, r.Data); err != nil {
		return nil, fmt.Errorf("%w: data: %v", ErrInvalid, err)
	}
	return compact.Bytes(), nil
}

// appendLine appends the line of e to b. The data is compact already.
func appendLine(b []byte, e entry) []byte {
	begin := len(b)
	b = append(b, make([]byte, headBytes)...)
	b = append(b, '{')
	if e.Format != 0 {
		b = append(b, `"journal":`...)
		b = strconv.AppendInt(b, int64(e.Format), 10)
		b = append(b, ',')
	} else {
		b = append(b, `"batch":`...)
		b = strconv.AppendUint(b, e.Batch, 10)
		b = append(b, ',')
	}
	b = append(b, `"seq":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, e.At, 10)
	if e.ID != "" {
		b = append(append(append(b, `,"id":"`...), e.ID...), '"')
		b = append(append(append(b, `,"state":"`...), e.State...), '"')
	}
	if len(e.Data) > 0 {
		b = append(append(b, `,"data":`...), e.Data...)
	}
	b = append(b, '}')
	body := b[begin+headBytes:]
	head := fmt.Appendf(b[begin:begin], "%08x %08x ", len(body), crc32.Checksum(body, castagnoli))
	return append(b[:begin+len(head)+len(body)], '\n')
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

// parseLine reads the line that begins b, without regard to what follows its
// JSON, and returns how long it is without its newline.
func parseLine(b []byte) (e entry, n int, ok bool) {
	length, sum, ok := parseHead(b)
	if !ok || headBytes+length > len(b) {
		return entry{}, 0, false
	}
	body := b[headBytes : headBytes+length]
	if crc32.Checksum(body, castagnoli) != sum || json.Unmarshal(body, &e) != nil {
		return entry{}, 0, false
	}
	return e, headBytes + length, true
}
