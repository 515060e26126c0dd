package recipe_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/internal/testenv"
)

// readings are texts with the canonical form that they must get. The same
// table is held against the CLI's loader in TestCorpusAgainstTheLoader.
var readings = []struct{ source, canonical string }{
	{`{}`, `{}`},
	{"a: b", `{"a": "b"}`},
	{"b: 1\na: 2", `{"b": 1, "a": 2}`}, // order is kept
	{"a:\n- x\n-\n- {}\n- []", `{"a": ["x", null, {}, []]}`},
	{"a: [yes, No, on, OFF, true, False, y, n, yEs]", `{"a": [true, false, true, false, true, false, "y", "n", "yEs"]}`},
	{"a: [~, null, Null, NULL, nULL, '~', '']", `{"a": [null, null, null, null, "nULL", "~", ""]}`},
	{"a:", `{"a": null}`},
	{"a: [0, -0, +1, 12, -12, 1_000, 0x1F, -0xff, 0b101, 08, 09_1, 0x, 0b2]", `{"a": [0, 0, 1, 12, -12, 1000, 31, -255, 5, "08", "09_1", "0x", "0b2"]}`},
	{"a: [99999999999999999999999, 18446744073709551616]", `{"a": [99999999999999999999999, 18446744073709551616]}`},
	{"a: [1.0, 1., .5, -1.5, +2.25, 1_0.5, 1.0e+5, 1.0E-7, 1.5e+300, -0.0, 0.1]", `{"a": [1.0, 1.0, 0.5, -1.5, 2.25, 10.5, 100000.0, 1.0e-07, 1.5e+300, -0.0, 0.1]}`},
	{"a: [1.2.3, 1-2, v1, 10.0.0.1, '1e5', \"0600\", '2024-01-01', 0_9, 1__2, 1_, ., .., -, --, +]",
		`{"a": ["1.2.3", "1-2", "v1", "10.0.0.1", "1e5", "0600", "2024-01-01", "0_9", 12, 1, ".", "..", "-", "--", "+"]}`},
	{"a: [2024-1-1, 2024-01-1, 1:2:3:x, 12:60, a:1, 1 2, 0o8, 1e, e5, 1.5e, .e5, inf, nan]",
		`{"a": ["2024-1-1", "2024-01-1", "1:2:3:x", "12:60", "a:1", "1 2", "0o8", "1e", "e5", "1.5e", ".e5", "inf", "nan"]}`},
	{"a: 'it''s'\nb: \"x\\ty\\x41\\u00e9\\U0001F600\"", `{"a": "it's", "b": "x\tyAé😀"}`},
	{"a: |\n  one\n   two\n\nb: >-\n  one\n  two\n\n  three", `{"a": "one\n two\n", "b": "one two\nthree"}`},
	{"a: one\n  two\n\n  three", `{"a": "one two\nthree"}`},
	{"a: \"one\n  two\"", `{"a": "one two"}`},
	{"# c\na: b # c\n#d", `{"a": "b"}`},
	{"---\na: b\n...\n", `{"a": "b"}`},
	{"a: b\r\nc: d\r\n", `{"a": "b", "c": "d"}`},
	{"{a: b, \"c\": [d, {e: f}]}", `{"a": "b", "c": ["d", {"e": "f"}]}`},
	{"a: ${PASSWORD}\nb: $X\nc: ${X:-y}", `{"a": "${PASSWORD}", "b": "$X", "c": "${X:-y}"}`},
	{"a: \"\\u007f\\u0085\\u2028\\ufeff\\e\"", `{"a": "\u007f\u0085\u2028\ufeff\u001b"}`},
	{"a: 日本語 é 😀\n日本: x", `{"a": "日本語 é 😀", "日本": "x"}`},
	{"'1': a\n'yes': b\n\"\": c", `{"1": "a", "yes": "b", "": "c"}`},
	{"host_port: db.example:3306\nurl: https://x.example/a?b#c", `{"host_port": "db.example:3306", "url": "https://x.example/a?b#c"}`},
	{`{"a": "</script>&\\\"\n", "b": [1, -0, 1.50, 2.0e+3, true, null]}`, `{"a": "</script>&\\\"\n", "b": [1, 0, 1.5, 2000.0, true, null]}`},
	{"{\n  \"a\":{\"b\":[ ]}\n}", `{"a": {"b": []}}`},
	{strings.Repeat(`{"a": `, 99) + "{}" + strings.Repeat("}", 99), strings.Repeat(`{"a": `, 99) + "{}" + strings.Repeat("}", 99)},
	{"k" + strings.Repeat("x", 990) + ": v", `{"k` + strings.Repeat("x", 990) + `": "v"}`},
}

func TestParseGivesTheCanonicalForm(t *testing.T) {
	for _, tc := range readings {
		r, err := recipe.Parse(iotest.HalfReader(strings.NewReader(tc.source)))
		if err != nil {
			t.Errorf("%q: %v", tc.source, err)
			continue
		}
		if diff := cmp.Diff(tc.canonical, string(r.Canonical())); diff != "" {
			t.Errorf("%q: %s", tc.source, diff)
		}
	}
}

// A pair of surrogate escapes is one character to a JSON reader and an error
// or two halves to YAML readers.
func TestParseReadsPairsOfJSON(t *testing.T) {
	if got := string(parse(t, `{"a": "\ud83d\ude00 \\ud83d \"\u00e9"}`).Canonical()); got != `{"a": "😀 \\ud83d \"é"}` {
		t.Error(got)
	}
}

func TestCanonicalCannotBeChanged(t *testing.T) {
	r := parse(t, "a: b")
	r.Canonical()[0] = 'x'
	if got := string(r.Canonical()); got != `{"a": "b"}` {
		t.Error(got)
	}
}

// problem is an *recipe.Error without its words.
type problem struct {
	Reason       recipe.Reason
	Line, Column int
}

func problemsOf(err error) []problem {
	var all []problem
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		var e *recipe.Error
		if errors.As(err, &e) {
			all = append(all, problem{e.Reason, e.Line, e.Column})
		}
	}
	return all
}

func TestParseRefuses(t *testing.T) {
	deep := recipe.MaxDepth + 1
	for name, tc := range map[string]struct {
		source string
		want   []problem
	}{
		"empty":               {" \n", []problem{{recipe.Structure, 0, 0}}},
		"comment only":        {"# x", []problem{{recipe.Structure, 1, 1}}},
		"list":                {"- a", []problem{{recipe.Structure, 1, 1}}},
		"JSON string":         {`"a"`, []problem{{recipe.Structure, 1, 1}}},
		"two documents":       {"a: b\n---\nc: d", []problem{{recipe.Structure, 2, 1}}},
		"broken second":       {"a: b\n---\n[", []problem{{recipe.Syntax, 3, 1}}},
		"no YAML":             {"a: b\n  c: d", []problem{{recipe.Syntax, 2, 1}}},
		"BOM":                 {"\ufeffa: b", []problem{{recipe.Encoding, 1, 1}}},
		"NUL":                 {"a: b\nc: \x00", []problem{{recipe.Encoding, 2, 4}}},
		"escaped NUL":         {"a: \"\\0\"", []problem{{recipe.Encoding, 1, 4}}},
		"escaped NUL in JSON": {`{"a": "\u0000"}`, []problem{{recipe.Encoding, 1, 7}}},
		"NUL in a key":        {`{"a\u0000": 1}`, []problem{{recipe.Encoding, 1, 2}}},
		"no UTF-8":            {"é: b\xff", []problem{{recipe.Encoding, 1, 5}}},
		"lone return":         {"a: b\rc: d", []problem{{recipe.Encoding, 1, 5}}},
		"next line":           {"a: b\u0085c: d", []problem{{recipe.Encoding, 1, 5}}},
		"line separator":      {"a: 'x\u2028y'", []problem{{recipe.Encoding, 1, 6}}},
		"control character":   {"a: b\x07", []problem{{recipe.Syntax, 0, 0}}},
		"half pair":           {`{"a": "\ud83d"}`, []problem{{recipe.Encoding, 1, 8}}},
		"wrong pair":          {`{"a": "\ud83d\u0041"}`, []problem{{recipe.Encoding, 1, 8}}},
		"second half alone":   {`{"a": "\ude00"}`, []problem{{recipe.Encoding, 1, 8}}},
		"twice":               {"a: 1\nb: {c: 1, c: 2}\na: 3", []problem{{recipe.Duplicate, 2, 11}, {recipe.Duplicate, 3, 1}}},
		"twice, spelled":      {"a: 1\n\"\\x61\": 2", []problem{{recipe.Duplicate, 2, 1}}},
		"twice in JSON":       {"{\"a\": 1,\n \"b\": [{}, {\"c\": 1, \"\\u0063\": 2}]}", []problem{{recipe.Duplicate, 2, 21}}},
		"number as key":       {"1: a", []problem{{recipe.Key, 1, 1}}},
		"yes as key":          {"on: a", []problem{{recipe.Key, 1, 1}}},
		"null as key":         {"~: a", []problem{{recipe.Key, 1, 1}}},
		"list as key":         {"? [a]\n: b", []problem{{recipe.Key, 1, 3}}},
		"long key":            {strings.Repeat("k", recipe.MaxKey-1) + ": a", []problem{{recipe.Key, 1, 1}}},
		"anchor":              {"a: &x b", []problem{{recipe.Alias, 1, 4}}},
		"alias":               {"a: &x b\nc: *x", []problem{{recipe.Alias, 1, 4}, {recipe.Alias, 2, 4}}},
		"anchored key":        {"&x a: b", []problem{{recipe.Alias, 1, 1}}},
		"merge":               {"a: {<<: {b: c}}", []problem{{recipe.Ambiguous, 1, 5}}},
		"tag":                 {"a: !!python/object:os.system x", []problem{{recipe.Tag, 1, 4}}},
		"core tag":            {"a: !!str 12\nb: !!map {}", []problem{{recipe.Tag, 1, 4}, {recipe.Tag, 2, 4}}},
		"bare tag":            {"a: b\né: [x, ! 12]", []problem{{recipe.Tag, 2, 8}}},
		"tagged key":          {"!!str a: b", []problem{{recipe.Tag, 1, 1}}},
		"date":                {"a: 2024-01-31", []problem{{recipe.Ambiguous, 1, 4}}},
		"time":                {"a: 2024-1-1 10:20:30", []problem{{recipe.Ambiguous, 1, 4}}},
		"zoned time":          {"a: 2024-01-01T10:20:30.5+01:00", []problem{{recipe.Ambiguous, 1, 4}}},
		"base 60":             {"a: 22:30", []problem{{recipe.Ambiguous, 1, 4}}},
		"base 60 float":       {"a: 1:20:30.5", []problem{{recipe.Ambiguous, 1, 4}}},
		"octal":               {"a: 0600", []problem{{recipe.Ambiguous, 1, 4}}},
		"new octal":           {"a: 0o14", []problem{{recipe.Ambiguous, 1, 4}}},
		"exponent":            {"a: [1e5, 1.5e3, -1E+2, -.5]", []problem{{recipe.Ambiguous, 1, 5}, {recipe.Ambiguous, 1, 10}, {recipe.Ambiguous, 1, 17}, {recipe.Ambiguous, 1, 24}}},
		"exponent in JSON":    {`{"a": 1e5}`, []problem{{recipe.Ambiguous, 1, 7}}},
		"infinite":            {"a: [.inf, -.INF, .NaN]", []problem{{recipe.Ambiguous, 1, 5}, {recipe.Ambiguous, 1, 11}, {recipe.Ambiguous, 1, 18}}},
		"overflow":            {"a: 1.0e+400", []problem{{recipe.Ambiguous, 1, 4}}},
		"long number":         {"a: " + strings.Repeat("9", 401), []problem{{recipe.Ambiguous, 1, 4}}},
		"no digits":           {"a: 0x_", []problem{{recipe.Ambiguous, 1, 4}}},
		"equals":              {"a: =", []problem{{recipe.Ambiguous, 1, 4}}},
		"deep YAML":           {"{a: " + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}", []problem{{recipe.TooLarge, 1, 4 + recipe.MaxDepth}}},
		"deep JSON":           {`{"a":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}", []problem{{recipe.TooLarge, 1, 5 + recipe.MaxDepth}}},
		"bottomless":          {strings.Repeat("[", 1<<20), []problem{{recipe.TooLarge, 0, 0}}},
		"many values":         {"a: [" + strings.Repeat("x,", recipe.MaxMarks) + "]", []problem{{recipe.TooLarge, 0, 0}}},
		"many entries":        {"a: " + strings.Repeat("- ", recipe.MaxMarks+1), []problem{{recipe.TooLarge, 0, 0}}},
		"too large":           {"a: " + strings.Repeat("x", recipe.MaxBytes), []problem{{recipe.TooLarge, 0, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recipe.Parse(strings.NewReader(tc.source))
			if diff := cmp.Diff(tc.want, problemsOf(err)); diff != "" {
				t.Errorf("%v: %s", err, diff)
			}
		})
	}
}

func TestParseReportsReadErrors(t *testing.T) {
	if _, err := recipe.Parse(iotest.ErrReader(os.ErrClosed)); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestParseBoundsItsReport(t *testing.T) {
	_, err := recipe.Parse(strings.NewReader("a: [" + strings.Repeat("1e5, ", 5000) + "]"))
	if n := len(problemsOf(err)); n != 20 {
		t.Errorf("%d problems, want 20", n)
	}
}

// A value without quotes may be a password.
func TestErrorsLeaveOutValues(t *testing.T) {
	for _, secret := range []string{"0123456", "12:34:56", "9e99999", strings.Repeat("7", 500)} {
		_, err := recipe.Parse(strings.NewReader("password: " + secret))
		if err == nil || strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("error %v", err)
		}
	}
}

// A hostile text of any size costs little more than reading it.
func TestParseIsQuickToRefuse(t *testing.T) {
	for name, part := range map[string]string{"brackets": "[", "entries": "- ", "keys": "? ", "lines": "a\n", "braces": "{\"a\":"} {
		text := strings.Repeat(part, 100<<20/len(part))
		t.Run(name, func(t *testing.T) {
			testenv.Quick(t, 100*time.Millisecond, func() {
				if _, err := recipe.Parse(strings.NewReader(text)); err == nil {
					t.Error("accepted")
				}
			})
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, r := range readings {
		f.Add([]byte(r.source))
	}
	for _, s := range []string{"a: &x [*x]", "<<: {}", "!!binary |", "%TAG ! x\n--- {}", "\"\\ud83d\"", `{"a": "\ud83d\ude00"}`, "? ? a", "- - -", "a: 1e5", "{? a}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		r, err := recipe.Parse(strings.NewReader(string(source)))
		if err != nil {
			if len(problemsOf(err)) == 0 {
				t.Errorf("%T is no *recipe.Error", err)
			}
			return
		}
		again, err := recipe.Parse(strings.NewReader(string(r.Canonical())))
		if err != nil {
			t.Fatalf("canonical form %s: %v", r.Canonical(), err)
		}
		if diff := cmp.Diff(string(r.Canonical()), string(again.Canonical())); diff != "" {
			t.Errorf("another form: %s", diff)
		}
		policy, err := recipe.DefaultPolicy()
		if err != nil {
			t.Fatal(err)
		}
		_ = policy.Check(r, "mysql").String()
	})
}
