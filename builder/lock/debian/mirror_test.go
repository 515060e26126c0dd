package debian

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/lockforge/lockforge/builder/deb/debtest"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/manifest"
)

// now is the tests' clock.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// testKey makes a signing key that was valid at the tests' time.
func testKey(t *testing.T) *openpgp.Entity {
	t.Helper()
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return now.AddDate(-1, 0, 0) }}
	key, err := openpgp.NewEntity("test archive", "", "archive@mirror.example", config)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signAt clear-signs text with a key as of a time.
func signAt(t *testing.T, key *openpgp.Entity, when time.Time, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := clearsign.Encode(&buf, key.PrivateKey, &packet.Config{Time: func() time.Time { return when }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(buf.Bytes(), '\n')
}

// releaseText is the text of a Release file of an archive; fields replace or
// add ("" removes).
func releaseText(suite string, a ArchiveName, files string, fields map[string]string) string {
	values := map[string]string{
		"Origin": "Debian", "Label": a.label(), "Suite": "stable", "Codename": a.dir(suite),
		"Date": "Fri, 20 Nov 2026 00:12:42 UTC", "Valid-Until": "Fri, 27 Nov 2026 00:12:42 UTC", "Acquire-By-Hash": "yes",
	}
	for name, value := range fields {
		values[name] = value
	}
	var text strings.Builder
	for _, name := range []string{"Origin", "Label", "Suite", "Codename", "Date", "Valid-Until", "Acquire-By-Hash"} {
		if values[name] != "" {
			fmt.Fprintf(&text, "%s: %s\n", name, values[name])
		}
	}
	return text.String() + "SHA256:\n" + files
}

// mirror is an archive served on the loopback.
type mirror struct {
	t     *testing.T
	key   *openpgp.Entity
	files map[string][]byte // by path below the root
	asked []string
	url   string
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{t: t, key: testKey(t), files: map[string][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked = append(m.asked, r.URL.Path)
		content, ok := m.files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// publish signs an archive with one package index.
func (m *mirror) publish(suite string, a ArchiveName, packages string, fields map[string]string) {
	m.t.Helper()
	packed := debtest.Compress(m.t, debtest.XZ, []byte(packages))
	sum := sha256.Sum256(packed)
	digest := hex.EncodeToString(sum[:])
	dir := "dists/" + a.dir(suite)
	text := releaseText(suite, a, fmt.Sprintf(" %s %d main/binary-amd64/Packages.xz\n", digest, len(packed)), fields)
	m.files[dir+"/InRelease"] = signAt(m.t, m.key, now.AddDate(0, 0, -1), text)
	m.files[dir+"/main/binary-amd64/by-hash/SHA256/"+digest] = packed
}

// index is the path of an archive's package index.
func (m *mirror) index(suite string, a ArchiveName) string {
	m.t.Helper()
	for name := range m.files {
		if strings.HasPrefix(name, "dists/"+a.dir(suite)+"/main/") {
			return name
		}
	}
	m.t.Fatal("no index was published")
	return ""
}

func (m *mirror) mirrors(t *testing.T) Mirrors {
	t.Helper()
	u, err := url.Parse(m.url)
	if err != nil {
		t.Fatal(err)
	}
	list := []Mirror{{From: "test", root: u}}
	return Mirrors{Main: list, Security: list}
}

// request asks for trixie on this mirror, trusting its key.
func (m *mirror) request(t *testing.T) Request {
	return Request{
		Suite: "trixie", Platform: "linux/amd64", Mirrors: m.mirrors(t), CacheDir: t.TempDir(), Now: now,
		Getter: newGetter(t),
		keys: func(string, ArchiveName) (openpgp.EntityList, error) {
			return openpgp.EntityList{m.key}, nil
		},
	}
}

// newGetter is the client that lockforge uses, without retries.
func newGetter(t *testing.T) Getter {
	t.Helper()
	set, err := index.Discover(&manifest.Manifest{Indexes: manifest.Indexes{Default: &manifest.Index{URL: "https://index.example/simple"}}}, index.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return index.NewClient(set, index.Options{Retries: -1})
}

// stanza is one package of an index.
func stanza(name, version string, fields ...string) string {
	sum := sha256.Sum256([]byte(name + version))
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: pool/main/%s_%s_amd64.deb\nSize: %d\nSHA256: %x\n",
		name, version, name, strings.ReplaceAll(version, ":", "%3a"), 1000+len(name), sum)
	for _, f := range fields {
		text += f + "\n"
	}
	return text + "\n"
}
