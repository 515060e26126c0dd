package report_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/report"
	"github.com/lockforge/lockforge/internal/testenv"
)

func masker(t testing.TB, secrets map[string]string) *mask.Masker {
	t.Helper()
	m, err := mask.New(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadCopiesDocuments(t *testing.T) {
	secrets := map[string]string{"PW": "hunter22", "PIN": "90210", "QUOTED": `a"b\c`}
	for name, tc := range map[string]struct{ in, want string }{
		"white space goes":         {" {\n \"a\" : [ 1 , -2.5e3 , true , false , null ] }\n", `{"a":[1,-2.5e3,true,false,null]}`},
		"empty ones":               {`[{},[],""]`, `[{},[],""]`},
		"a single value":           {`7`, `7`},
		"python's numbers":         {`[NaN, Infinity, -Infinity]`, `[null,null,null]`},
		"escapes":                  {`"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00"`, `"\"\\/\u0008\u000c\n\u000d\u0009Aé😀"`},
		"half a character":         {`"\ud83d \ude00 \ud83dx\ud83d\ud83d\ude00\ud83d\ud83d\"\ud83d"`, `"� � �x�😀��\"�"`},
		"no utf-8":                 {"\"a\xffb\xc3\"", `"a�b�"`},
		"value masked":             {`{"uri":"mysql://u:hunter22@db"}`, `{"uri":"mysql://u:***REDACTED:PW***@db"}`},
		"key masked":               {`{"hunter22":1}`, `{"***REDACTED:PW***":1}`},
		"number masked":            {`{"a":90210,"b":1902105}`, `{"a":"***REDACTED:PIN***","b":"1***REDACTED:PIN***5"}`},
		"escaped secret masked":    {`"\u0068unter22 a\"b\\c"`, `"***REDACTED:PW*** ***REDACTED:QUOTED***"`},
		"json in json masked":      {`"{\"p\": \"a\\\"b\\\\c\"}"`, `"{\"p\": \"***REDACTED:QUOTED***\"}"`},
		"base64 of a secret":       {`"aHVudGVyMjI="`, `"***REDACTED:PW***="`},
		"the same key twice stays": {`{"a":1,"a":2}`, `{"a":1,"a":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := report.Read(write(t, tc.in), masker(t, secrets), 0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(d.JSON)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !json.Valid(d.JSON) {
				t.Error("the copy is no JSON")
			}
			if d.Left.Any() {
				t.Errorf("something was left out: %s", d.Left)
			}
		})
	}
}

func TestReadRefusesWhatIsNoDocument(t *testing.T) {
	for name, in := range map[string]string{
		"empty":             "",
		"white space":       " \n",
		"ends in an object": `{"a":`,
		"ends in a list":    `[1,`,
		"ends in a string":  `"abc`,
		"ends in an escape": `"abc\u00`,
		"two values":        `{} {}`,
		"text after":        `{}x`,
		"no comma":          `[1 2]`,
		"comma first":       `[,1]`,
		"comma last":        `[1,]`,
		"two commas":        `[1,,2]`,
		"comma in object":   `{"a":1,}`,
		"no colon":          `{"a" 1}`,
		"no key":            `{1:2}`,
		"no value":          `{"a":}`,
		"wrong bracket":     `[1}`,
		"word":              `[trve]`,
		"bare word":         `hunter22`,
		"number":            `[01]`,
		"two points":        `1.2.3`,
		"long number":       strings.Repeat("1", 5000),
		"escape":            `"\x41"`,
		"hex":               `"\u00g0"`,
		"control character": "\"a\nb\"",
		"NUL":               "\x00",
		"byte order mark":   "\ufeff{}",
		"deep":              strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"deep objects":      strings.Repeat(`{"a":`, 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			path, m := write(t, in), masker(t, nil)
			testenv.Quick(t, 100*time.Millisecond, func() {
				d, err := report.Read(path, m, 0)
				if !errors.Is(err, report.ErrMalformed) {
					t.Fatalf("got %q and %v, want ErrMalformed", d.JSON, err)
				}
				if strings.Contains(err.Error(), "hunter22") {
					t.Errorf("the error quotes the document: %v", err)
				}
			})
		})
	}
}

func TestReadRefusesWhatIsNoPlainFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	secret := at("secret")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(secret, []byte(`{"password":"hunter22"}`), 0o600))
	must(os.Symlink(secret, at("symlink")))
	must(os.Symlink(at("nowhere"), at("dangling")))
	must(os.Link(secret, at("hardlink")))
	must(syscall.Mkfifo(at("fifo"), 0o600))
	must(os.Mkdir(at("directory"), 0o700))
	socket, err := net.Listen("unix", at("socket"))
	must(err)
	defer socket.Close()
	must(os.WriteFile(at("huge"), nil, 0o600))
	must(os.Truncate(at("huge"), report.MaxFileBytes+1))

	for path, want := range map[string]error{
		at("missing"):        report.ErrNone,
		at("missing/report"): report.ErrNone,
		at("symlink"):        report.ErrRefused,
		at("dangling"):       report.ErrRefused,
		at("hardlink"):       report.ErrRefused,
		at("fifo"):           report.ErrRefused,
		at("directory"):      report.ErrRefused,
		at("socket"):         report.ErrRefused,
		"/dev/zero":          report.ErrRefused,
		"/dev/null":          report.ErrRefused,
		at("huge"):           report.ErrTooLarge,
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			testenv.Quick(t, 100*time.Millisecond, func() {
				d, err := report.Read(path, masker(t, nil), 0)
				if !errors.Is(err, want) || d.JSON != nil {
					t.Errorf("got %q and %v, want %v", d.JSON, err, want)
				}
			})
		})
	}
}
