package manifest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Redact returns an index address without user name, password, query and
// fragment, for messages and documents. Of what is no address, everything up
// to the last "@" is left out.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		if i := strings.LastIndexByte(address, '@'); i >= 0 {
			return "..." + address[i:]
		}
		return address
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// redacted is an Index that is safe to print.
type redacted struct {
	Name     string   `json:"name"`
	URL      string   `json:"url"`
	Mirrors  []string `json:"mirrors,omitempty"`
	Packages []string `json:"packages,omitempty"`
}

func (i Index) redacted() redacted {
	r := redacted{Name: i.Name, URL: Redact(i.URL), Packages: i.Packages}
	for _, m := range i.Mirrors {
		r.Mirrors = append(r.Mirrors, Redact(m))
	}
	return r
}

// String shows the index without credentials.
func (i Index) String() string { return fmt.Sprintf("%+v", i.redacted()) }

// GoString shows the index without credentials.
func (i Index) GoString() string { return fmt.Sprintf("%#v", i.redacted()) }

// MarshalJSON writes the index without credentials.
func (i Index) MarshalJSON() ([]byte, error) { return json.Marshal(i.redacted()) }

// quote shows a word of the manifest in a message. Any word may be an address
// in the wrong place, so credentials are left out of all of them.
func quote(word string) string {
	const most = 200
	if strings.ContainsRune(word, '@') && strings.ContainsAny(word, ":/") {
		word = Redact(word)
	}
	if len(word) > most {
		word = strings.ToValidUTF8(word[:most], "") + "..."
	}
	return fmt.Sprintf("%q", word)
}
