package index

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// maxTag bounds one tag of a page, in bytes.
const maxTag = 1 << 20

// parseHTML reads the anchors of a PEP 503 page, with the attributes of PEP
// 592 (yanked), 658 and 714 (metadata), 629 (version) and the non-standard
// data-upload-time. It returns the base that relative links refer to.
func parseHTML(content []byte, base *url.URL) ([]link, *url.URL, error) {
	z := html.NewTokenizer(bytes.NewReader(content))
	z.SetMaxBuf(maxTag)
	var links []link
	for {
		switch z.Next() {
		case html.ErrorToken:
			if errors.Is(z.Err(), io.EOF) {
				return links, base, nil
			}
			return nil, nil, fmt.Errorf("malformed HTML: %w", errPage)
		case html.StartTagToken, html.SelfClosingTagToken:
			name, hasAttr := z.TagName()
			if !hasAttr {
				continue
			}
			switch string(name) {
			case "a":
				if l, ok := anchor(attributes(z)); ok {
					links = append(links, l)
				}
			case "base":
				if u, err := base.Parse(attributes(z)["href"]); err == nil {
					base = u
				}
			case "meta":
				a := attributes(z)
				if a["name"] == "pypi:repository-version" && !firstMajor(a["content"]) {
					return nil, nil, fmt.Errorf("version %q of the API is not known: %w", a["content"], errPage)
				}
			}
		}
	}
}

// attributes reads the attributes of the current tag; of a repeated one the
// first counts, as in browsers.
func attributes(z *html.Tokenizer) map[string]string {
	set := map[string]string{}
	for {
		key, value, more := z.TagAttr()
		if _, seen := set[string(key)]; !seen {
			set[string(key)] = string(value)
		}
		if !more {
			return set
		}
	}
}

func anchor(a map[string]string) (link, bool) {
	href, ok := a["href"]
	if !ok {
		return link{}, false
	}
	l := link{href: href, requiresPython: a["data-requires-python"], uploaded: a["data-upload-time"], size: -1}
	if reason, ok := a["data-yanked"]; ok {
		l.yanked = &reason
	}
	for _, key := range []string{"data-core-metadata", "data-dist-info-metadata"} {
		if v, ok := a[key]; ok && v != "false" {
			l.coreMetadata = true
		}
	}
	return l, true
}

// firstMajor reports whether a version of the API is 1.x (PEP 629).
func firstMajor(version string) bool {
	major, _, _ := strings.Cut(strings.TrimSpace(version), ".")
	return major == "1"
}
