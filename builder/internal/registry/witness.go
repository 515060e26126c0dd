package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// headerDigest is what a registry says that it stored or sends, OCI
// distribution specification, "Pushing blobs" and "Pushing manifests".
const headerDigest = "Docker-Content-Digest"

// witness sends every request from its beginning, and refuses an answer that
// says that something else was stored than what was sent.
type witness struct{ inner http.RoundTripper }

func (w witness) RoundTrip(r *http.Request) (*http.Response, error) {
	// A request that is made again with a new token arrives with the same
	// body, read to its end.
	fresh, err := afresh(r)
	if err != nil {
		return nil, err
	}
	response, err := w.inner.RoundTrip(fresh)
	if err != nil || response.StatusCode/100 != 2 {
		return response, err
	}
	if err := w.compare(r, response.Header.Get(headerDigest)); err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return response, nil
}

func afresh(r *http.Request) (*http.Request, error) {
	if r.GetBody == nil || r.Body == nil || r.Body == http.NoBody {
		return r, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	_ = r.Body.Close() // of what was only read
	fresh := r.WithContext(r.Context())
	fresh.Body = body
	return fresh, nil
}

// compare holds the digest that a registry names against that of a blob or
// manifest that was put there. A digest by another algorithm says nothing.
func (w witness) compare(r *http.Request, named string) error {
	if r.Method != http.MethodPut || !strings.HasPrefix(named, "sha256:") {
		return nil
	}
	want := r.URL.Query().Get("digest") // ends the upload of a blob
	if want == "" {
		var err error
		if want, err = digestOf(r); want == "" {
			return err
		}
	}
	if want != named {
		return fault.New(fault.Integrity, "the registry says that it stored %.80q instead of %s", named, want)
	}
	return nil
}

// digestOf hashes a manifest that was sent; "" is a request without one.
func digestOf(r *http.Request) (string, error) {
	if r.GetBody == nil || !strings.Contains(r.URL.Path, "/manifests/") {
		return "", nil
	}
	body, err := r.GetBody()
	if err != nil {
		return "", err
	}
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
