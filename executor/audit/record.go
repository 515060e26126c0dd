package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxLine bounds a line, in bytes: all lists of an event full of names of
// MaxName bytes, each escaped in JSON. No real record comes near it.
const maxLine = 16 << 20

// genesis is the prev of the first record.
var genesis = strings.Repeat("0", 2*sha256.Size)

// record is a line as it is read and written. The order of its members is the
// canonical one.
type record struct {
	Seq      uint64  `json:"seq"`
	At       int64   `json:"at"` // Unix milliseconds
	Kind     Kind    `json:"kind"`
	Instance string  `json:"instance,omitempty"`
	Image    string  `json:"image,omitempty"`
	Lock     string  `json:"lock,omitempty"`
	Run      string  `json:"run,omitempty"`
	Actor    string  `json:"actor,omitempty"`
	Detail   *Detail `json:"detail,omitempty"`
	Prev     string  `json:"prev"`
}

// hashMember begins the last member of a line.
const hashMember = `,"hash":"`

// encode returns the line of a record, with its newline, and its hash.
func (r record) encode() (line []byte, hash string, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, "", fmt.Errorf("encoding an audit record: %w", err)
	}
	hash = hashOf(body)
	line = append(body[:len(body)-1], hashMember...)
	return append(append(line, hash...), "\"}\n"...), hash, nil
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Errors of a line.
var (
	errForm   = errors.New("this is no audit record")
	errEdited = errors.New("the record does not have the hash that it names")
)

// decode reads a line without its newline. With errEdited it returns what the
// line says of itself.
func decode(line []byte) (r record, hash string, err error) {
	at := len(line) - len(hashMember) - len(genesis) - len(`"}`)
	if at < 0 || !bytes.HasPrefix(line[at:], []byte(hashMember)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return record{}, "", errForm
	}
	hash = string(line[at+len(hashMember) : len(line)-len(`"}`)])
	body := append(line[:at:at], '}')
	if err := json.Unmarshal(body, &r); err != nil || r.Seq == 0 || len(r.Prev) != len(genesis) {
		return record{}, "", errForm
	}
	if hashOf(body) != hash {
		return r, hash, errEdited
	}
	return r, hash, nil
}

// Head names the last record of a chain: what is kept elsewhere so that a later
// check finds a missing end. Its text is "<seq>:<hash>". The zero value is none.
type Head struct {
	Seq  uint64
	Hash string // hex
}

// String returns the text of a head.
func (h Head) String() string { return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash }

// ErrHead is for a text that is no head.
var ErrHead = errors.New(`a head is "<number>:<64 hex digits>", as the executor logs it`)

// ParseHead reads the text of a head; "" is none. It fails with ErrHead.
func ParseHead(text string) (Head, error) {
	if text == "" {
		return Head{}, nil
	}
	number, hash, _ := strings.Cut(text, ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	if raw, hexErr := hex.DecodeString(hash); err != nil || seq == 0 || hexErr != nil || len(raw) != sha256.Size || strings.ToLower(hash) != hash {
		return Head{}, fmt.Errorf("%w; got %.100q", ErrHead, text)
	}
	return Head{seq, hash}, nil
}
