package index

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

func TestWhichRequestsGetALogin(t *testing.T) {
	m := withDefault("https://url:p1@shared.example/team-a/simple")
	m.Indexes.Default.Mirrors = []string{"https://netrc.example:8443/simple", "http://plain.example/simple"}
	m.Indexes.Extra = []manifest.Index{
		{Name: "team.b", URL: "https://shared.example/team-b/simple", Packages: []string{"b-*"}},
		{Name: "half", URL: "https://me@half.example/simple", Packages: []string{"h-*"}},
		{Name: "token", URL: "https://t0ken@token.example", Packages: []string{"t-*"}},
		{Name: "pair", URL: "https://pair@pair.example", Packages: []string{"p-*"}},
	}
	env := world(map[string]string{
		"UV_INDEX_TEAM_B_USERNAME": "var", "UV_INDEX_TEAM_B_PASSWORD": "p2",
		"UV_INDEX_PAIR_PASSWORD": "p7",
	}, map[string]string{"/home/u/.netrc": `
		machine netrc.example login nu password p3
		machine half.example login you password no
		machine half.example login me password p4
		machine files.example login fu password p5
		default login du password p6`})
	s, err := Discover(m, env)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"https://shared.example/team-a/simple/x/":     "url:p1",
		"https://SHARED.example:443/team-b/simple/b/": "var:p2",
		"https://shared.example/team-bb/":             "url:p1",
		"https://shared.example/files/x.whl":          "url:p1",
		"https://shared.example:444/team-a/simple/":   "",
		"http://shared.example/team-a/simple/":        "",
		"https://sub.shared.example/":                 "",
		"https://netrc.example:8443/simple/x/":        "nu:p3",
		"https://netrc.example/elsewhere":             "nu:p3", // netrc knows no ports
		"http://netrc.example/simple/x/":              "",      // not in the clear
		"https://half.example/simple/":                "me:p4",
		"https://token.example/simple/":               "t0ken:",
		"https://pair.example/":                       "pair:p7",
		"https://files.example/x.whl":                 "fu:p5",
		"http://files.example/x.whl":                  "",
		"http://plain.example/x":                      "du:p6", // configured like this by the user
		"https://plain.example/x":                     "",
		"https://unknown.example/":                    "", // default is for configured origins
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if l, ok := s.keys.find(u); ok {
			got = l.user + ":" + l.password
		}
		if got != want {
			t.Errorf("%s gets %q, want %q", address, got, want)
		}
	}
}

// TestNetrcNamed: NETRC stands in for ~/.netrc.
func TestNetrcNamed(t *testing.T) {
	s, err := Discover(withDefault("https://d.example"), world(map[string]string{"NETRC": "/n"}, map[string]string{
		"/n": "machine d.example login right password p", "/home/u/.netrc": "machine d.example login wrong password p",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := s.keys.find(&url.URL{Scheme: "https", Host: "d.example"}); !ok || l.user != "right" {
		t.Errorf("login of %q", l.user)
	}
}

// recorder notes the Authorization header of each request, by path.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]string
	next func(w http.ResponseWriter, r *http.Request)
}

func record(t *testing.T, next http.HandlerFunc) *recorder {
	r := &recorder{seen: map[string]string{}, next: next}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.seen[req.URL.Path] = req.Header.Get("Authorization") + req.Header.Get("Referer") + req.Header.Get("Cookie")
	r.mu.Unlock()
	r.next(w, req)
}

func withLogin(address string) string {
	return strings.Replace(address, "://", "://user:s3cret@", 1)
}

// TestRedirects: a login stays with its origin, over any chain of hosts.
func TestRedirects(t *testing.T) {
	other := record(t, func(w http.ResponseWriter, r *http.Request) {
		if back := r.URL.Query().Get("back"); back != "" {
			http.Redirect(w, r, back, http.StatusTemporaryRedirect)
			return
		}
		ranged(w, r)
	})
	var home *recorder
	home = record(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=s3cret")
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/away", http.StatusFound)
		case "/there-and-back":
			http.Redirect(w, r, other.URL+"/via?back="+url.QueryEscape(home.URL+"/end"), http.StatusMovedPermanently)
		case "/userinfo":
			http.Redirect(w, r, strings.Replace(other.URL, "://", "://user:s3cret@", 1)+"/userinfo", http.StatusSeeOther)
		case "/relative":
			http.Redirect(w, r, "end?x=1", http.StatusPermanentRedirect)
		default:
			ranged(w, r)
		}
	})
	c := client(t, withDefault(withLogin(home.URL)), Env{})
	for _, path := range []string{"/away", "/there-and-back", "/userinfo", "/relative"} {
		if text, _ := get(t, c, home.URL+path, 4); text != digits[4:] {
			t.Errorf("%s: %q", path, text)
		}
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:s3cret"))
	if diff := cmp.Diff(map[string]string{"/away": basic, "/there-and-back": basic, "/userinfo": basic, "/relative": basic, "/end": basic}, home.seen); diff != "" {
		t.Errorf("at home: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"/away": "", "/via": "", "/userinfo": ""}, other.seen); diff != "" {
		t.Errorf("at the other host: %s", diff)
	}
}

// TestLinksToOtherHostsGetNoLogin: so do the files of a page.
func TestLinksToOtherHostsGetNoLogin(t *testing.T) {
	other := record(t, ranged)
	home := record(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<a href="` + withLogin(other.URL) + `/a.whl#sha256=` + hashA + `">`))
	})
	c := client(t, withDefault(withLogin(home.URL)), Env{})
	files, err := c.Files(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	get(t, c, files[0].URL, 0)
	if other.seen["/a.whl"] != "" || home.seen["/acme/"] == "" {
		t.Errorf("other host saw %q, index %q", other.seen["/a.whl"], home.seen["/acme/"])
	}
}

// TestLoginInTheURLOfARequest is how mirrors of other kinds than an index are read.
func TestLoginInTheURLOfARequest(t *testing.T) {
	other := record(t, ranged)
	home := record(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, other.URL+"/away", http.StatusFound)
			return
		}
		ranged(w, r)
	})
	c := client(t, withDefault("https://d.example"), Env{})
	get(t, c, withLogin(home.URL)+"/x", 0)
	get(t, c, withLogin(home.URL)+"/away", 0)
	get(t, c, home.URL+"/later", 0)
	if home.seen["/x"] == "" || home.seen["/away"] == "" || home.seen["/later"] != "" || other.seen["/away"] != "" {
		t.Errorf("home saw %q, the other host %q", home.seen, other.seen)
	}
}

func TestHostileRedirects(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://downgrade.example/s3cret")
		w.WriteHeader(http.StatusFound)
	}))
	defer secure.Close()
	var loop *httptest.Server
	loop = serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", map[string]string{
			"/loop": loop.URL + "/loop", "/file": "file:///etc/passwd", "/bad": "http://u:s3cret@%zz/", "/nohost": "http:///x",
		}[r.URL.Path])
		w.WriteHeader(http.StatusFound)
	})
	c := client(t, withDefault(loop.URL), Env{})
	c.http = secure.Client().Transport.(*http.Transport)
	for _, address := range []string{secure.URL, loop.URL + "/loop", loop.URL + "/file", loop.URL + "/bad", loop.URL + "/nohost", loop.URL + "/none"} {
		_, _, err := c.Get(t.Context(), address, 0)
		if fault.KindOf(err) != fault.Network || Temporary(err) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
