package index

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

func get(t *testing.T, c *Client, address string, offset int64) (string, int64) {
	t.Helper()
	body, size, err := c.Get(t.Context(), address, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), size
}

const digits = "0123456789"

func ranged(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "x.whl", time.Time{}, strings.NewReader(digits))
}

func rangeless(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, digits) }

func TestGetHeadRange(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{"ranged": ranged, "rangeless": rangeless} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, h)
			c := client(t, withDefault(s.URL), Env{})
			for offset := range int64(10) {
				text, size := get(t, c, s.URL+"/x.whl", offset)
				if text != digits[offset:] || size != 10 {
					t.Errorf("from %d: %q of %d", offset, text, size)
				}
			}
			if size, err := c.Head(t.Context(), s.URL); size != 10 || err != nil {
				t.Errorf("head: %d, %v", size, err)
			}
			for _, want := range []string{digits[2:5], digits[7:10], digits} {
				offset := int64(strings.Index(digits, want))
				if b, err := c.Range(t.Context(), s.URL, offset, int64(len(want))); string(b) != want || err != nil {
					t.Errorf("range %d: %q, %v", offset, b, err)
				}
			}
			if b, err := c.Range(t.Context(), s.URL, 8, 100); string(b) != "89" || err != nil {
				t.Errorf("range over the end: %q, %v", b, err)
			}
		})
	}
	c := client(t, withDefault("https://x.example"), Env{})
	for _, r := range [][2]int64{{-1, 5}, {0, 0}, {0, maxRange + 1}} {
		if _, err := c.Range(t.Context(), "https://x.example", r[0], r[1]); fault.KindOf(err) != fault.Internal {
			t.Errorf("range %v: %v", r, err)
		}
	}
}

func TestWrongRanges(t *testing.T) {
	for _, header := range []string{"", "bytes 4-9/10", "bytes 5-9/7", "bytes 9-5/10", "bytes x", "bytes 5-9/x"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", header)
			w.WriteHeader(http.StatusPartialContent)
		})
		_, _, err := client(t, withDefault(s.URL), Env{}).Get(t.Context(), s.URL, 5)
		if !errors.Is(err, ErrRange) || fault.KindOf(err) != fault.Network {
			t.Errorf("%q: %v", header, err)
		}
	}
	s := serve(t, ranged)
	if _, _, err := client(t, withDefault(s.URL), Env{}).Get(t.Context(), s.URL, 11); !errors.Is(err, ErrRange) {
		t.Errorf("an offset after the end: %v", err)
	}
}

func TestHTMLInPlaceOfAFile(t *testing.T) {
	page := "<!DOCTYPE html><title>sign in</title>"
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/odd.whl" {
			page = "PK\x03\x04 zip of a server with odd types"
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = io.WriteString(w, page)
	})
	c := client(t, withDefault(s.URL), Env{})
	if _, _, err := c.Get(t.Context(), s.URL+"/a.whl", 0); fault.KindOf(err) != fault.Integrity || !errors.Is(err, ErrHTML) {
		t.Errorf("%v", err)
	}
	if text, size := get(t, c, s.URL+"/odd.whl", 3); text != page[3:] || size != int64(len(page)) {
		t.Errorf("%q of %d", text, size)
	}
}

func TestBadAddresses(t *testing.T) {
	c := client(t, withDefault("https://d.example"), Env{})
	for _, address := range []string{"", "x", "file:///etc/passwd", "ftp://x.example/s3cret", "http://u:s3cret@:9999999", "http://%zz"} {
		_, _, err1 := c.Get(t.Context(), address, 0)
		_, err2 := c.Head(t.Context(), address)
		_, err3 := c.Range(t.Context(), address, 0, 1)
		for _, err := range []error{err1, err2, err3} {
			if fault.KindOf(err) != fault.Network || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q: %v", address, err)
			}
		}
	}
}
