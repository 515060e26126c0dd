package gms_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

func TestTimeIsTheServers(t *testing.T) {
	own := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	date := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = []string{date}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	c, err := gms.New(gms.Options{URL: server.URL, Now: func() time.Time { return own }, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() { _, _ = c.Requests(t.Context(), gms.RequestQuery{}) } // the date is all that counts
	for _, tc := range []struct {
		name, date string
		passed     time.Duration // since the answer
		want       time.Time
	}{
		{"none", "", time.Minute, own.Add(time.Minute)},
		{"garbage", "yesterday", time.Minute, own.Add(2 * time.Minute)},
		{"far ahead", "Sat, 06 Feb 2027 03:04:05 GMT", 0, own.AddDate(0, 13, 4)},
		{"as long as it has been since", "Sat, 06 Feb 2027 03:04:05 GMT", time.Hour, own.AddDate(0, 13, 4).Add(time.Hour)},
		{"garbage afterwards", "\x00", 0, own.AddDate(0, 13, 4).Add(time.Hour)},
		{"far behind", "Fri, 03 Jan 2025 03:04:05 GMT", time.Second, own.AddDate(-1, 0, 1).Add(time.Second)},
	} {
		date = tc.date
		ask()
		own = own.Add(tc.passed)
		if got := c.Time(); !got.Equal(tc.want) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
