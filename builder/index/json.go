package index

import (
	"encoding/json"
	"errors"
	"fmt"
)

// jsonPage is a PEP 691 project page, with the size and upload time of PEP 700.
type jsonPage struct {
	Meta struct {
		Version string `json:"api-version"`
	} `json:"meta"`
	Files []jsonFile `json:"files"`
}

type jsonFile struct {
	Filename         string            `json:"filename"`
	URL              string            `json:"url"`
	Hashes           map[string]string `json:"hashes"`
	RequiresPython   string            `json:"requires-python"`
	Size             *int64            `json:"size"`
	UploadTime       string            `json:"upload-time"`
	Yanked           flag              `json:"yanked"`
	CoreMetadata     flag              `json:"core-metadata"`
	DistInfoMetadata flag              `json:"dist-info-metadata"`
}

// flag is a value that is false, true, or true with details: a text or a
// table of hashes.
type flag struct {
	set  bool
	text string
}

func (f *flag) UnmarshalJSON(b []byte) error {
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
	case bool:
		f.set = v
	case string:
		f.set, f.text = true, v
	case map[string]any:
		f.set = true
	default:
		return errors.New("neither a boolean, a text nor a table")
	}
	return nil
}

// parseJSON reads a PEP 691 page. The parser's own errors quote the content
// and are not passed on.
func parseJSON(content []byte) ([]link, error) {
	var p jsonPage
	if err := json.Unmarshal(content, &p); err != nil {
		return nil, fmt.Errorf("malformed JSON: %w", errPage)
	}
	if !firstMajor(p.Meta.Version) {
		return nil, fmt.Errorf("version %q of the API is not known: %w", p.Meta.Version, errPage)
	}
	links := make([]link, 0, len(p.Files))
	for _, f := range p.Files {
		l := link{
			href: f.URL, name: f.Filename, sha256: f.Hashes["sha256"], requiresPython: f.RequiresPython,
			uploaded: f.UploadTime, size: -1, coreMetadata: f.CoreMetadata.set || f.DistInfoMetadata.set,
		}
		if f.Size != nil && *f.Size >= 0 {
			l.size = *f.Size
		}
		if f.Yanked.set {
			l.yanked = &f.Yanked.text
		}
		links = append(links, l)
	}
	return links, nil
}
