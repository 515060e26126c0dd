package debian

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// answers serves one status after the other, then 200.
func answers(t *testing.T, statuses ...int) (url string, asked *int) {
	t.Helper()
	count := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count++
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("accepts encoding %q", r.Header.Get("Accept-Encoding"))
		}
		if count > len(statuses) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
			return
		}
		switch status := statuses[count-1]; status {
		case 0: // reset
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		case http.StatusOK: // without ranges
			io.WriteString(w, "0123456789")
		default:
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, &count
}

func TestClient(t *testing.T) {
	cases := map[string]struct {
		statuses []int
		offset   int64
		want     string
		asked    int
	}{
		"at once":           {nil, 0, "0123456789", 1},
		"from an offset":    {nil, 4, "456789", 1},
		"ranges ignored":    {[]int{200}, 4, "456789", 1},
		"busy, then fine":   {[]int{503, 429}, 0, "0123456789", 3},
		"reset, then fine":  {[]int{0}, 0, "0123456789", 2},
		"timeout, resuming": {[]int{408}, 9, "9", 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			url, asked := answers(t, c.statuses...)
			client := &Client{HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Retries: 3, Wait: time.Millisecond}
			body, size, err := client.Get(context.Background(), url, c.offset)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			got, err := io.ReadAll(body)
			if err != nil || string(got) != c.want || size != int64(len(c.want)) || *asked != c.asked {
				t.Errorf("%q of %d after %d requests: %v", got, size, *asked, err)
			}
		})
	}
}

func TestClientFails(t *testing.T) {
	for _, c := range []struct {
		status, asked int
		gone          bool
	}{{404, 1, true}, {410, 1, true}, {401, 1, false}, {403, 1, false}, {500, 3, false}} {
		url, asked := answers(t, c.status, c.status, c.status, c.status)
		client := &Client{HTTP: http.DefaultClient, Retries: 2, Wait: time.Millisecond}
		_, _, err := client.Get(context.Background(), strings.Replace(url, "http://", "http://me:secret@", 1), 0)
		if fault.KindOf(err) != fault.Network || errors.Is(err, errGone) != c.gone || *asked != c.asked {
			t.Errorf("status %d: after %d requests %v", c.status, *asked, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("password in %q", err)
		}
		if c.gone && len(fault.Hints(err)) == 0 {
			t.Error("no hint for a file that left the mirror")
		}
	}
	t.Run("unreachable", func(t *testing.T) {
		client := &Client{HTTP: http.DefaultClient, Wait: time.Millisecond}
		_, _, err := client.Get(context.Background(), "http://me:secret@127.0.0.1:1/x", 0)
		if fault.KindOf(err) != fault.Network || strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		url, _ := answers(t, 500, 500)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		_, _, err := (&Client{HTTP: http.DefaultClient, Retries: 5, Wait: time.Hour}).Get(ctx, url, 0)
		if fault.KindOf(err) != fault.Cancelled {
			t.Error(err)
		}
	})
}
