package mask

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// slow masks text by looking for every pattern at every place.
func slow(m *Masker, text string) string {
	covered := make([]int, len(text)+1) // pattern+1 of the longest match that begins there
	for i := range len(text) {
		for p, pattern := range m.a.patterns {
			if strings.HasPrefix(text[i:], string(pattern.text)) && (covered[i] == 0 || len(pattern.text) > len(m.a.patterns[covered[i]-1].text)) {
				covered[i] = p + 1
			}
		}
	}
	var out strings.Builder
	end := 0
	for i := range len(text) {
		if covered[i] != 0 {
			p := m.a.patterns[covered[i]-1]
			if i >= end {
				out.Write(m.markers[p.name])
			}
			end = max(end, i+len(p.text))
		}
		if i >= end {
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

func check(t *testing.T, m *Masker, text string, split *rand.Rand) {
	t.Helper()
	var out bytes.Buffer
	w := m.Writer(&out)
	for rest := text; rest != ""; {
		n := 1 + split.IntN(len(rest))
		if split.IntN(2) == 0 {
			n = min(len(rest), 1+split.IntN(8))
		}
		if written, err := w.Write([]byte(rest[:n])); err != nil || written != n {
			t.Fatalf("write = %d, %v", written, err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if want := slow(m, text); got != want {
		t.Fatalf("masking %q:\n got %q\nwant %q", text, got, want)
	}
	for _, p := range m.a.patterns {
		if strings.Contains(got, string(p.text)) {
			t.Fatalf("masking %q: %q is left in %q", text, p.text, got)
		}
	}
	if again := m.String(got); again != got {
		t.Fatalf("masking %q twice:\n first %q\nsecond %q", text, got, again)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("hunter22", "swordfish", "login hunter22, swordfis", uint64(1))
	f.Add("aaaa", "aab", "aaaaaaaaaabaaab", uint64(2))
	f.Add("abcdef", "defghi", "abcdefghi", uint64(3))
	f.Add("l1 of secret\nl2 of secret", "*x*", "l2 of secret*x**", uint64(4))
	f.Add("\xff\xfe\xfd", "REDACTED", "\xff\xfe\xfd***REDACTED:A***", uint64(5))
	f.Add(`q"u'o\te`, "ß€𝄞", `q\"u'o\\te ß€𝄞`, uint64(6))
	f.Fuzz(func(t *testing.T, a, b, text string, seed uint64) {
		if len(a)+len(b) > 200 || len(text) > 2000 {
			t.Skip("larger inputs only cost time")
		}
		m, err := New(map[string]string{"A": a, "B": b})
		if err != nil {
			t.Skip(err)
		}
		split := rand.New(rand.NewPCG(seed, 0))
		check(t, m, text, split)
		// The same with every form of the secrets strewn in.
		var mixed strings.Builder
		for _, p := range m.a.patterns {
			mixed.WriteString(text[:min(len(text), split.IntN(8))])
			mixed.Write(p.text[:len(p.text)-split.IntN(2)])
			if mixed.Len() > 4000 {
				break
			}
		}
		check(t, m, mixed.String(), split)
	})
}

// Few different bytes make many overlaps and many wrong beginnings.
func TestAgreesWithTheSlowWay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	word := func(most int, letters string) string {
		b := make([]byte, random.IntN(most))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	for range 400 {
		letters := []string{"ab", "abc*", "a\n\\", "xyz0189+/="}[random.IntN(4)]
		secrets := map[string]string{}
		for _, name := range []string{"A", "B", "C"} {
			secrets[name] = word(12, letters)
		}
		m, err := New(secrets)
		if err != nil {
			t.Fatal(err)
		}
		check(t, m, word(300, letters), random)
	}
}

// A secret of one repeated byte matches without end: nothing may pile up.
func TestMemoryIsBoundedInAnEndlessMatch(t *testing.T) {
	m, err := New(map[string]string{"A": "aaaa"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := m.Writer(&out)
	block := bytes.Repeat([]byte("a"), 100_000)
	size := 0
	for i := range 100 {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			size = cap(w.buf)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if out.String() != "***REDACTED:A***" {
		t.Errorf("got %d bytes", out.Len())
	}
	if cap(w.buf) != size || size > 2*window || cap(w.matches) > 16 {
		t.Errorf("the buffer grew from %d to %d bytes, matches to %d", size, cap(w.buf), cap(w.matches))
	}
}
