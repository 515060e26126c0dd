package logs_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/logs"
)

func TestClean(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"text", "plain\ttext, ünïcödé 𝄞\n", "plain\ttext, ünïcödé 𝄞\n"},
		{"colours", "\x1b[1;31mred\x1b[0m and \x1b[38;2;1;2;3mmore\x1b[m", "red and more"},
		{"inside of a word", "hun\x1b[0mter22", "hunter22"},
		{"cursor", "a\x1b[2K\x1b[1Gb\x1b7c\x1b(Bd", "abcd"},
		{"title", "\x1b]0;title\x07text\x1b]0;title\x1b\\text", "texttext"},
		{"link", "\x1b]8;;https://a.example/\x1b\\word\x1b]8;;\x1b\\", "word"},
		{"string that is not ended", "\x1b]0;title\nnext", "\nnext"},
		{"escape in a string", "\x1b]0;a\x1b[1mb", "b"},
		{"sequence that is not ended", "\x1b[12\nnext", "\nnext"},
		{"sequence without an end", "\x1b[" + strings.Repeat("1", 100) + "m", strings.Repeat("1", 100-63) + "m"},
		{"escape at the end", "text\x1b", "text"},
		{"Windows", "a\r\nb\r\n", "a\nb\n"},
		{"progress bar", "10%\r20%\r\n", "10%\n20%\n"},
		{"controls", "a\x00b\x08c\x7fd\x0be", "a\ufffdb\ufffdc\ufffdd\ufffde"},
		{"C1", "a\u009b31mb\u0085c", "a\ufffd31mb\ufffdc"},
		{"separators and directions", "a\u2028b\u202ec\u2066d", "a\ufffdb\ufffdc\ufffdd"},
		{"broken text", "a\xffb\xc3c\xf0\x9f\x92", "a\ufffdb\ufffdc\ufffd\ufffd\ufffd"},
		{"surrogate", "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{"replacement", "\ufffd", "\ufffd"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, logs.Clean(tc.in)); diff != "" {
				t.Errorf("cleaned (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("a\r\x1b[1mb\xf0\x9f\x92\xa9\r\n"), 3)
	f.Add([]byte("\x1b]0;x\x1b\\\xe2\x80\xa8\xff"), 1)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		whole := logs.Clean(string(in))
		if !utf8.ValidString(whole) || strings.ContainsAny(whole, "\x00\x1b\r\x7f\u0085\u009b\u2028") {
			t.Errorf("%q becomes %q", in, whole)
		}
		if again := logs.Clean(whole); again != whole {
			t.Errorf("%q becomes %q, and then %q", in, whole, again)
		}
		var out bytes.Buffer
		c := logs.NewCleaner(&out)
		size = max(1, size%16)
		for rest := in; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != whole {
			t.Errorf("%q in pieces of %d becomes %q, not %q", in, size, out.String(), whole)
		}
	})
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestCleanerPassesErrorsOn(t *testing.T) {
	c := logs.NewCleaner(broken{})
	for range 2 {
		if _, err := c.Write([]byte("text")); !errors.Is(err, errBroken) {
			t.Errorf("error = %v", err)
		}
	}
}

func BenchmarkCleaner(b *testing.B) {
	text := []byte(strings.Repeat("\x1b[32mINFO\x1b[0m 2026-11-21 wrote a record ünd so weiter to the sink in 12 ms\n", 1000))
	c := logs.NewCleaner(discard{})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := c.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
