package index

import (
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// maxPage bounds one project page, in bytes as decoded. The largest one known
// has 6 MB.
const maxPage = 32 << 20

// errPage is matched by every error about a page that is none.
var errPage = errors.New("not a project page of the simple API")

// File is one file of a project, as its index describes it.
type File struct {
	Name           string    `json:"name"`
	URL            string    `json:"url"`    // absolute, without userinfo and fragment
	SHA256         string    `json:"sha256"` // hex, lower case
	RequiresPython string    `json:"requiresPython,omitempty"`
	Size           int64     `json:"size"` // bytes; -1 unknown
	Yanked         bool      `json:"yanked,omitempty"`
	YankedReason   string    `json:"yankedReason,omitempty"`
	Uploaded       time.Time `json:"uploaded,omitzero"`      // zero unknown
	CoreMetadata   bool      `json:"coreMetadata,omitempty"` // METADATA is at URL + ".metadata" (PEP 658)
	Index          string    `json:"index"`                  // name of the index
}

// acceptPages prefers JSON (PEP 691); some indexes add further attributes to
// their HTML when it is asked for.
const acceptPages = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

// parsePage reads a project page that was found at base. The files come in the
// order of their names. Files without a sha256 are left out: nothing that
// cannot be locked is offered.
//
// Errors match errPage: another content type, another major version of the
// API, malformed JSON, or no file with a sha256 on a page that has files.
func parsePage(contentType string, content []byte, base *url.URL) ([]File, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("content type unreadable: %w", errPage)
	}
	var links []link
	switch kind {
	case "application/vnd.pypi.simple.v1+json", "application/json":
		links, err = parseJSON(content)
	case "application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml":
		links, base, err = parseHTML(content, base)
	default:
		err = fmt.Errorf("content type %q: %w", kind, errPage)
	}
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(links))
	for _, l := range links {
		if f, ok := l.file(base); ok {
			files = append(files, f)
		}
	}
	if len(links) > 0 && len(files) == 0 {
		return nil, fmt.Errorf("none of its %d files has a sha256: %w", len(links), errPage)
	}
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// link is a file as a page has it, of either form.
type link struct {
	href, sha256   string
	name           string // "": the last part of the path
	requiresPython string
	size           int64
	yanked         *string // the reason
	uploaded       string
	coreMetadata   bool
}

// file checks a link and resolves it against the page's address.
func (l link) file(base *url.URL) (File, bool) {
	u, err := base.Parse(l.href)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return File{}, false
	}
	if algorithm, value, ok := strings.Cut(u.Fragment, "="); ok && algorithm == "sha256" && l.sha256 == "" {
		l.sha256 = value
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	f := File{
		Name: l.name, URL: u.String(), SHA256: strings.ToLower(l.sha256), Size: l.size,
		RequiresPython: strings.TrimSpace(l.requiresPython), CoreMetadata: l.coreMetadata,
	}
	if f.Name == "" {
		f.Name = path.Base(u.Path)
	}
	if l.yanked != nil {
		f.Yanked, f.YankedReason = true, *l.yanked
	}
	if at, err := time.Parse(time.RFC3339, l.uploaded); err == nil {
		f.Uploaded = at.UTC()
	}
	digest, err := hex.DecodeString(f.SHA256)
	return f, err == nil && len(digest) == 32 && safeName(f.Name)
}

// safeName accepts what can be a file name and nothing else.
func safeName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f })
}
