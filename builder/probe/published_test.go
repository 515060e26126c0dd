package probe

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/internal/testenv"
)

// secretsOf looks for secrets in a library of that content.
func secretsOf(t *testing.T, content []byte) []string {
	t.Helper()
	e := facts.Entry{Path: "usr/lib/libx.so.1", Type: image.File, Size: int64(len(content))}
	var found []string
	err := inspectSecrets(e, bytes.NewReader(content), make([]byte, window), func(_ kindOfHit, _, text string) { found = append(found, text) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPublishedKeysAreNoSecrets reads this machine's GnuTLS, as an image has it
// that lacks the lists of its packages. Of the same keys, each with one
// character changed, none is published.
func TestPublishedKeysAreNoSecrets(t *testing.T) {
	libraries, err := filepath.Glob("/usr/lib/*/libgnutls.so.30.*")
	if err != nil || len(libraries) == 0 {
		testenv.Missing(t, "this machine has no GnuTLS")
	}
	library, err := os.ReadFile(libraries[0])
	if err != nil {
		t.Fatal(err)
	}
	if found := secretsOf(t, library); len(found) > 0 {
		t.Errorf("GnuTLS holds %q", found)
	}
	keys := regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s[^-]+-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----`).FindAll(library, -1)
	if len(keys) != len(publishedKeys) {
		t.Errorf("GnuTLS has %d keys, %d are known", len(keys), len(publishedKeys))
	}
	for _, key := range keys {
		for _, at := range []int{bytes.IndexFunc(key, unicode.IsLower), bytes.LastIndexFunc(key, unicode.IsLower)} {
			other := bytes.Clone(key)
			other[at] -= 'a' - 'A'
			if found := secretsOf(t, other); len(found) != 1 {
				t.Errorf("a key with another letter at %d of %d: %q", at, len(key), found)
			}
		}
	}
}

// TestPublishedKeysHideNoOthers: wherever windows end, a published key is left
// out and one beside it is not.
func TestPublishedKeysHideNoOthers(t *testing.T) {
	const own = "-----BEGIN RSA PRIVATE KEY-----\nMIIEogIBAAKCAQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END RSA PRIVATE KEY-----\n"
	known := strings.ReplaceAll(own, "MII", "MIJ")
	publishedKeys[hashOf(known)] = true
	defer delete(publishedKeys, hashOf(known))
	for _, at := range []int{0, window - overlap - 1, window - overlap, window - 50, window - 1, 2*window - overlap} {
		padding := strings.Repeat("-", at)
		if found := secretsOf(t, []byte(padding+known)); len(found) > 0 {
			t.Errorf("a published key at %d: %q", at, found)
		}
		for _, content := range []string{padding + own, padding + known + own, padding + own + known, padding + strings.TrimSuffix(known, "-----END RSA PRIVATE KEY-----\n")} {
			if found := secretsOf(t, []byte(content)); len(found) != 1 {
				t.Errorf("a key of one's own at %d: %q", at, found)
			}
		}
	}
}
