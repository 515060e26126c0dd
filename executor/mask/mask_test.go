package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/mask"
)

func newMasker(t testing.TB, secrets map[string]string, also ...func(string) string) *mask.Masker {
	t.Helper()
	m, err := mask.New(secrets, also...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMasksWhatIsSecretAndNothingElse(t *testing.T) {
	const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcw\n-----END KEY-----\n"
	for _, tc := range []struct {
		name    string
		secrets map[string]string
		in      string
		want    string
	}{
		{"none", nil, "nothing to hide\n", "nothing to hide\n"},
		{"one", map[string]string{"PW": "hunter22"}, "login hunter22 ok", "login ***REDACTED:PW*** ok"},
		{"whole text", map[string]string{"PW": "hunter22"}, "hunter22", "***REDACTED:PW***"},
		{"a beginning only", map[string]string{"PW": "hunter22"}, "hunter2 hunter", "hunter2 hunter"},
		{"begins again inside", map[string]string{"PW": "aab"}, "aaab", "a***REDACTED:PW***"},
		{"twice", map[string]string{"PW": "hunter22"}, "hunter22hunter22", "***REDACTED:PW******REDACTED:PW***"},
		{"overlapping itself", map[string]string{"PW": "xyxy"}, "xyxyxyxy!", "***REDACTED:PW***!"},
		{"overlapping others", map[string]string{"A": "abcdef", "B": "defghi"}, "_abcdefghi_", "_***REDACTED:A***_"},
		{"one in the other", map[string]string{"A": "bcd", "B": "abcde"}, "abcde bcd", "***REDACTED:B*** ***REDACTED:A***"},
		{"one begins the other", map[string]string{"A": "abc", "B": "abcde"}, "abcd abcde", "***REDACTED:A***d ***REDACTED:B***"},
		{"same value twice", map[string]string{"B": "hunter22", "A": "hunter22"}, "hunter22", "***REDACTED:A***"},
		{"several lines", map[string]string{"KEY": pem}, "<" + pem + ">", "<***REDACTED:KEY***>"},
		{"one line of several", map[string]string{"KEY": pem}, "got MIIEvQIBADANBgkqhkiG", "got ***REDACTED:KEY***"},
		{"lines in a log", map[string]string{"KEY": pem}, "1 -----BEGIN KEY-----\r\n2 MIIEvQIBADANBgkqhkiG", "1 ***REDACTED:KEY***\r\n2 ***REDACTED:KEY***"},
		{"other case", map[string]string{"PW": "Hunter22"}, "HUNTER22 hunter22", "***REDACTED:PW*** ***REDACTED:PW***"},
		{"too short", map[string]string{"PW": "ab"}, "ab", "ab"},
		{"an everyday word", map[string]string{"PW": "True"}, "True", "True"},
		{"password of a URL", map[string]string{"DSN": "mysql://root:s3cr%40tpw@db/x"}, "using s3cr@tpw", "using ***REDACTED:DSN***"},
		{"string of a document", map[string]string{"SA": `{"type":"service_account","private_key":"line-one-of\nline-two-of"}`}, "type service_account, key:\nline-two-of", "type service_account, key:\n***REDACTED:SA***"},
		{"value is a name", map[string]string{"PASSWORD": "PASSWORD"}, "PASSWORD", "***REDACTED***"},
		{"value is in the marker", map[string]string{"PW": "REDACTED"}, "REDACTED", "\u2588\u2588\u2588"},
		{"value could end in the marker", map[string]string{"PW": "secret*", "Q": "quality1"}, "secretquality1", "secret[REDACTED:Q]"},
		{"name unfit for a marker", map[string]string{`a"b`: "hunter22"}, "hunter22", "***REDACTED***"},
		{"bytes", map[string]string{"PW": "\xff\x00\xfe\x80"}, "a\xff\x00\xfe\x80\xff", "a***REDACTED:PW***\xff"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMasker(t, tc.secrets)
			if diff := cmp.Diff(tc.want, m.String(tc.in)); diff != "" {
				t.Errorf("masked (-want +got):\n%s", diff)
			}
			for size := 1; size < 9; size++ {
				if diff := cmp.Diff(tc.want, inPieces(t, m, tc.in, size)); diff != "" {
					t.Errorf("masked in pieces of %d (-want +got):\n%s", size, diff)
				}
			}
		})
	}
}

func inPieces(t testing.TB, m *mask.Masker, in string, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := m.Writer(&out)
	for rest := in; rest != ""; {
		n := min(size, len(rest))
		if _, err := w.Write([]byte(rest[:n])); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The encoders are the real ones where the standard library has them; the
// forms of Python and JavaScript were printed by those.
func TestFindsEncodedForms(t *testing.T) {
	const value = `p@ß "q'<&>\/ ` + "\t" + `k+ey~1`
	twice, _ := json.Marshal(value)
	twice, _ = json.Marshal(string(twice))
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	safe, _ := json.Marshal(value)
	for name, form := range map[string]string{
		"plain":               value,
		"JSON of Go":          strings.Trim(string(safe), `"`),
		"JSON, no HTML":       plain.String()[1 : plain.Len()-2],
		"JSON of Python":      `p@\u00df \"q'<&>\\/ \tk+ey~1`,
		"JSON of JSON":        string(twice[3 : len(twice)-3]),
		"%q":                  fmt.Sprintf("%q", value)[1 : len(strconv.Quote(value))-1],
		"%+q":                 strconv.QuoteToASCII(value)[1 : len(strconv.QuoteToASCII(value))-1],
		"repr":                `p@ß "q\'<&>\\/ \tk+ey~1`,
		"ascii":               `p@\xdf "q\'<&>\\/ \tk+ey~1`,
		"repr of bytes":       `p@\xc3\x9f "q\'<&>\\/ \tk+ey~1`,
		"QueryEscape":         url.QueryEscape(value),
		"PathEscape":          url.PathEscape(value),
		"user information":    url.UserPassword("u", value).String()[2:],
		"urllib quote":        "p%40%C3%9F%20%22q%27%3C%26%3E%5C/%20%09k%2Bey~1",
		"urllib quote_plus":   "p%40%C3%9F+%22q%27%3C%26%3E%5C%2F+%09k%2Bey~1",
		"encodeURIComponent":  "p%40%C3%9F%20%22q'%3C%26%3E%5C%2F%20%09k%2Bey~1",
		"percent, lower case": strings.ToLower("p%40%C3%9F%20%22q%27%3C%26%3E%5C/%20%09k%2Bey~1"),
		"html.EscapeString":   html.EscapeString(value),
		"html.escape":         `p@ß &quot;q&#x27;&lt;&amp;&gt;\/ ` + "\t" + `k+ey~1`,
		"XML":                 `p@ß &quot;q&apos;&lt;&amp;&gt;\/ ` + "\t" + `k+ey~1`,
		"XML text":            `p@ß "q'&lt;&amp;&gt;\/ ` + "\t" + `k+ey~1`,
		"shell":               strings.ReplaceAll(value, `'`, `'\''`),
		"shlex.quote":         strings.ReplaceAll(value, `'`, `'"'"'`),
		"hexadecimal":         hex.EncodeToString([]byte(value)),
		"HEXADECIMAL":         strings.ToUpper(hex.EncodeToString([]byte(value))),
		"upper case":          strings.ToUpper(value),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMasker(t, map[string]string{"PW": value})
			if diff := cmp.Diff("<***REDACTED:PW***>", m.String("<"+form+">")); diff != "" {
				t.Errorf("%q masked (-want +got):\n%s", form, diff)
			}
		})
	}
}

func TestFindsBase64WhereverItBegins(t *testing.T) {
	const value = "k?y>with~both\xff\xfe\xfdalphabets"
	m := newMasker(t, map[string]string{"PW": value})
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
		for before := range 5 {
			for after := range 4 {
				text := encoding.EncodeToString([]byte("user:"[:before] + value + "tail"[:after]))
				got := m.String(text)
				// Up to two characters before, and one after, hold bits of both.
				left := strings.ReplaceAll(got, "***REDACTED:PW***", "")
				if !strings.Contains(got, "***REDACTED:PW***") || len(left) > (before*8+5)/6+(after*8+13)/6+3 {
					t.Errorf("%d before, %d after: %q became %q", before, after, text, got)
				}
			}
		}
	}
	if got := m.String(base64.RawStdEncoding.EncodeToString([]byte(value))); got != "***REDACTED:PW***" {
		t.Errorf("the value alone became %q", got)
	}
}

func TestAlsoAddsForms(t *testing.T) {
	reversed := func(s string) string {
		b := []byte(s)
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return string(b)
	}
	m := newMasker(t, map[string]string{"PW": "hunter23"}, reversed)
	if got, want := m.String("32retnuh"), "***REDACTED:PW***"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSaysWhatItDoesNotMask(t *testing.T) {
	m := newMasker(t, map[string]string{"SHORT": "ab", "WORD": " NULL ", "EMPTY": "", "PW": "hunter22"})
	if diff := cmp.Diff([]string{"EMPTY", "SHORT", "WORD"}, m.Unmasked()); diff != "" {
		t.Errorf("unmasked (-want +got):\n%s", diff)
	}
}

func TestRefusesMoreThanItCanMask(t *testing.T) {
	_, err := mask.New(map[string]string{"BIG": strings.Repeat("0123456789abcdef", 1<<16)})
	if !errors.Is(err, mask.ErrTooLarge) {
		t.Errorf("error = %v, want %v", err, mask.ErrTooLarge)
	}
	if err != nil && strings.Contains(err.Error(), "0123456789") {
		t.Error("the error shows the value")
	}
}

func TestRefusesWithoutAMarker(t *testing.T) {
	_, err := mask.New(map[string]string{
		"A": "ends in *", "B": "ends in [", "C": "ends in <", "D": "ends in \u2588", "E": "ends in \u25a0", "F": "#~_",
	})
	if err == nil {
		t.Error("no error for secrets that contain every marker")
	}
}

// A line must reach a reader as soon as it is complete.
func TestHoldsBackOnlyWhatMayBegin(t *testing.T) {
	m := newMasker(t, map[string]string{"PW": "hunter22"})
	var out bytes.Buffer
	w := m.Writer(&out)
	for _, tc := range []struct{ in, want string }{
		{"a line\n", "a line\n"},
		{"hunt", "a line\n"},
		{"ing\nhunter2", "a line\nhunting\n"},
		{"2", "a line\nhunting\n"},
		{"\n", "a line\nhunting\n***REDACTED:PW***\n"},
	} {
		if _, err := w.Write([]byte(tc.in)); err != nil {
			t.Fatal(err)
		}
		if out.String() != tc.want {
			t.Errorf("after %q: %q, want %q", tc.in, out.String(), tc.want)
		}
	}
}

// failing takes a number of bytes and then fails.
type failing struct {
	bytes.Buffer
	left int
}

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	f.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestFailsClosed(t *testing.T) {
	m := newMasker(t, map[string]string{"PW": "hunter22"})
	out := &failing{left: 4}
	w := m.Writer(out)
	if n, err := w.Write([]byte("a longer line")); !errors.Is(err, errFull) || n != 0 {
		t.Errorf("write = %d, %v", n, err)
	}
	out.left = 1 << 20
	if _, err := w.Write([]byte("hunter22")); !errors.Is(err, errFull) {
		t.Errorf("later write = %v", err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("close = %v", err)
	}
	if out.String() != "a lo" {
		t.Errorf("written: %q", out.String())
	}
}

func TestWriteAfterClose(t *testing.T) {
	w := newMasker(t, nil).Writer(&bytes.Buffer{})
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, mask.ErrClosed) {
		t.Errorf("error = %v, want %v", err, mask.ErrClosed)
	}
}
