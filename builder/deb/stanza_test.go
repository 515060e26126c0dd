package deb

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestStanzas(t *testing.T) {
	text := "\n\nPackage: a\nDescription: one\n two\n .\n\tthree  \nEmpty:\n \t \nPACKAGE: b\nNo-Space:value: with colon\n"
	var got []map[string]string
	err := Stanzas(strings.NewReader(text), func(s *Stanza) error {
		fields := map[string]string{}
		s.Fields(func(name, value string) { fields[name] = value })
		if s.Get("package") == "" || s.Get("absent") != "" {
			t.Errorf("stanza %v has no package", fields)
		}
		got = append(got, fields)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{"Package": "a", "Description": "one\n two\n .\n\tthree", "Empty": ""},
		{"PACKAGE": "b", "No-Space": "value: with colon"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStanzasRefuses(t *testing.T) {
	for _, text := range []string{
		" continuation first\n", "no colon\n", ": no name\n", "two words: x\n", "A: 1\na: 2\n", "A: " + strings.Repeat("x", maxLine) + "\n",
	} {
		err := Stanzas(strings.NewReader(text), func(*Stanza) error { return nil })
		if !fault.Is(err, fault.Integrity) {
			t.Errorf("%.20q: accepted, or another kind: %v", text, err)
		}
	}
}
