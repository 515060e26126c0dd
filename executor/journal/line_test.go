package journal

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// There is one way to write a line: another one is damage, even if it could be
// read as the same.
func TestOneForm(t *testing.T) {
	good := appendLine(nil, entry{Batch: 10, Record: Record{Seq: 11, At: -1, ID: "a", State: Ended, Data: json.RawMessage(`{"x":1}`)}})
	e, n, ok := parseLine(good)
	if diff := cmp.Diff(entry{Batch: 10, Record: Record{Seq: 11, At: -1, ID: "a", State: Ended, Data: json.RawMessage(`{"x":1}`)}}, e); diff != "" || !ok || n != len(good)-1 {
		t.Fatal(diff, n, ok)
	}
	head, body := good[:headBytes], good[headBytes:]
	for name, line := range map[string][]byte{
		"upper case": slices.Concat(bytes.ToUpper(head), body),
		"no spaces":  slices.Concat(bytes.ReplaceAll(head, []byte(" "), []byte("0")), body),
		"cut":        good[:len(good)-2],
		"head alone": head,
		"nothing":    nil,
	} {
		if _, _, ok := parseLine(line); ok {
			t.Errorf("%s: %s", name, line)
		}
	}
	for _, body := range []string{
		`{}`, `{"batch":1}`, `{"batch":1,"seq":2,"at":3}`, `{"journal":0,"seq":2,"at":3}`, `{"journal":1,"seq":x,"at":3}`,
		`{"batch":1,"seq":2,"at":3,"id":"a","state":"running"}`, `{"batch":1,"seq":2,"at":3,"id":"","state":"ended"}`,
		`{"batch":1,"seq":2,"at":3,"id":"a","state":"ended","data":`, `{"batch":1,"seq":2,"at":3,"id":"a","state":"ended","data":}`, `{"batch":1,"seq":2,"at":3,"id":"a","state":"ended"}}`,
		`{"batch":1,"seq":2,"at":3,"id":"a`, `{"batch":1,"seq":2,"at":3,"state":"ended","id":"a"}`, `{"batch":1, "seq":2,"at":3,"id":"a","state":"ended"}`,
	} {
		if e, ok := parseEntry([]byte(body)); ok {
			t.Errorf("%s: %+v", body, e)
		}
	}
}

// Whatever a body is, what is read of it can be written and read again.
func FuzzParseEntry(f *testing.F) {
	for _, e := range []entry{
		{Format: format, Record: Record{Seq: 7, At: 8}},
		{Batch: 1, Record: Record{Seq: 7, ID: "a", State: Accepted, Data: json.RawMessage(`1`)}},
	} {
		f.Add(bytes.TrimSuffix(appendLine(nil, e)[headBytes:], []byte("\n")))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := parseEntry(body)
		if !ok {
			return
		}
		again, _, ok := parseLine(appendLine(nil, e))
		if diff := cmp.Diff(e, again); diff != "" || !ok {
			t.Errorf("%q: %v %s", body, ok, diff)
		}
	})
}
