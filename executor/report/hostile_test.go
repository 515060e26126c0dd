package report_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/report"
)

func TestNoSecretLeavesInAnyPlaceOrEncoding(t *testing.T) {
	const secret = "Pä$$w0rd/+<&'\"\\z9"
	m := masker(t, map[string]string{"PW": secret, "PEM": "first-line-of-key\nsecond-line-of-key\n", "PIN": "7734567"})
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]string{
		"plain":           secret,
		"json":            string(quoted),
		"json in json":    strconv.Quote(string(quoted)),
		"percent":         url.QueryEscape(secret),
		"path":            url.PathEscape(secret),
		"html":            html.EscapeString(secret),
		"hex":             hex.EncodeToString([]byte(secret)),
		"base64":          base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64, 1 later": base64.StdEncoding.EncodeToString([]byte("u" + secret)),
		"base64, 2 later": base64.URLEncoding.EncodeToString([]byte("u:" + secret)),
		"line":            "first-line-of-key",
		"digits":          "7734567",
	}
	for name, form := range forms {
		text, err := json.Marshal(form)
		if err != nil {
			t.Fatal(err)
		}
		ascii := asciiJSON(t, form)
		long := strings.Repeat("x", 9000) // masked as a stream
		for place, document := range map[string]string{
			"value":        fmt.Sprintf(`{"a":%s}`, text),
			"ascii":        fmt.Sprintf(`{"a":%s}`, ascii),
			"key":          fmt.Sprintf(`{%s:1}`, text),
			"long":         fmt.Sprintf(`["%s%s%s"]`, long, text[1:len(text)-1], long),
			"far inside":   fmt.Sprintf(`[[[{"a":[%s]}]]]`, text),
			"over a piece": fmt.Sprintf(`["%s%s"]`, strings.Repeat("x", 8<<10-4), text[1:len(text)-1]),
		} {
			d, err := report.Read(write(t, document), m, 0)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, place, err)
			}
			if !strings.Contains(string(d.JSON), "REDACTED") {
				t.Errorf("%s, %s: not masked: %.200s", name, place, d.JSON)
			}
			for _, form := range forms {
				if strings.Contains(string(d.JSON), form) {
					t.Errorf("%s, %s: leaks %s", name, place, form)
				}
			}
		}
	}
	if d, err := report.Read(write(t, `{"pin":7734567}`), m, 0); err != nil || strings.Contains(string(d.JSON), "7734567") {
		t.Errorf("number: %s, %v", d.JSON, err)
	}
}

func TestCutLeavesNoPartOfASecret(t *testing.T) {
	const secret = "s3cr3t-with-a-long-middle-part-that-may-be-cut"
	m := masker(t, map[string]string{"PW": secret})
	for before := 100; before < 140; before++ { // around the smallest cut
		var items []string
		for range 60 {
			items = append(items, `"`+strings.Repeat("x", before)+secret+strings.Repeat("y", 10_000)+`"`)
		}
		d, err := report.Read(write(t, "["+strings.Join(items, ",")+"]"), m, 2000)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Left.Any() || strings.Contains(string(d.JSON), "s3cr3t") {
			t.Fatalf("%d before: %s", before, d.JSON)
		}
	}
}

func TestSecretAcrossTokensIsRefused(t *testing.T) {
	m := masker(t, map[string]string{"ODD": `user":"admin`})
	_, err := report.Read(write(t, `{"user":"admin"}`), m, 0)
	if !errors.Is(err, report.ErrRefused) {
		t.Errorf("got %v, want ErrRefused", err)
	}
}

// A run that goes on may change the file, and its name, while it is read.
func TestReadWhileTheFileIsSwapped(t *testing.T) {
	dir := t.TempDir()
	path, other, secret := filepath.Join(dir, "report"), filepath.Join(dir, "other"), filepath.Join(dir, "secret")
	good := `{"list":[` + strings.Repeat(`"good",`, 50_000) + `"good"]}`
	if err := os.WriteFile(secret, []byte(`{"password":"hunter22"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	stopped := make(chan error, 1)
	go func() {
		stopped <- swap(done, path, other, secret, good)
	}()
	m := masker(t, nil)
	for range 300 {
		d, err := report.Read(path, m, 0)
		switch {
		case err == nil:
			if !json.Valid(d.JSON) || strings.Contains(string(d.JSON), "hunter22") {
				t.Fatalf("read %.200s", d.JSON)
			}
		case !errors.Is(err, report.ErrRefused) && !errors.Is(err, report.ErrMalformed) && !errors.Is(err, report.ErrNone):
			t.Fatal(err)
		}
	}
	close(done)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if d, err := report.Read(path, m, 0); err != nil || string(d.JSON) != good {
		t.Errorf("when nobody changes the file any more: %.200s, %v", d.JSON, err)
	}
}

// swap puts a link, a longer, a shorter and the same file at path in turn, and
// leaves the same file there.
func swap(done <-chan struct{}, path, other, secret, good string) error {
	for {
		err := errors.Join(
			os.Symlink(secret, other), os.Rename(other, path),
			os.WriteFile(other, []byte(good), 0o600), os.Rename(other, path),
			os.WriteFile(path, []byte(good+good), 0o600),
			os.Truncate(path, int64(len(good)/2)),
			os.WriteFile(path, []byte(good), 0o600),
		)
		if err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"x\ud83d\ude00",null]}`, `[[[]]]`, `"\u00`, `{"a":1,}`, "\"\xff\"", `hunter22`, `{"hunter22":"\u0068unter22"}`} {
		f.Add([]byte(seed), 100)
	}
	m := masker(f, map[string]string{"PW": "hunter22"})
	path := filepath.Join(f.TempDir(), "report")
	f.Fuzz(func(t *testing.T, content []byte, limit int) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		limit = max(limit%4096, 1)
		d, err := report.Read(path, m, limit)
		if err != nil {
			return
		}
		if !json.Valid(d.JSON) || len(d.JSON) > limit || strings.Contains(string(d.JSON), "hunter22") {
			t.Errorf("limit %d, %q: got %q", limit, content, d.JSON)
		}
		if !json.Valid(content) && !strings.Contains(string(content), "NaN") && !strings.Contains(string(content), "Infinity") {
			t.Errorf("accepted %q", content)
		}
	})
}
