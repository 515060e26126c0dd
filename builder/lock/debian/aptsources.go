package debian

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

const maxAptFile = 1 << 20

// aptSource is one address of the apt configuration with its suites.
type aptSource struct {
	from   string
	uri    string
	suites []string
}

// aptMirrors sorts the addresses of the host's apt sources into main and
// security roots. What a root really is decides its signed Release later; the
// suites only keep foreign repositories from being asked at all.
func aptMirrors(root fs.FS) (Mirrors, error) {
	sources, err := readAptSources(root)
	if err != nil {
		return Mirrors{}, err
	}
	var m Mirrors
	for _, s := range sources {
		mirrors, err := parseMirrors([]string{s.uri}, s.from)
		if err != nil {
			continue // cdrom:, file:, mirror+file: and other transports of apt
		}
		for _, suite := range s.suites {
			switch {
			case !isDebianSuite(suite):
			case strings.HasSuffix(suite, "-security") || strings.HasSuffix(suite, "/updates"):
				m.Security = addMirror(m.Security, mirrors[0])
			default:
				m.Main = addMirror(m.Main, mirrors[0])
			}
		}
	}
	return m, nil
}

func addMirror(list []Mirror, m Mirror) []Mirror {
	for _, have := range list {
		if sameRoot(have.root, m.root) {
			return list
		}
	}
	return append(list, m)
}

func sameRoot(a, b *url.URL) bool {
	return strings.TrimRight(a.String(), "/") == strings.TrimRight(b.String(), "/")
}

var debianSuites = []string{
	"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid",
	"bullseye", "bookworm", "trixie", "forky", "duke",
}

func isDebianSuite(suite string) bool {
	name, _, _ := strings.Cut(suite, "/")
	for _, suffix := range []string{"-updates", "-security"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return slices.Contains(debianSuites, name)
}

// readAptSources reads sources.list and sources.list.d in apt's own order:
// both forms of sources.list(5).
func readAptSources(root fs.FS) ([]aptSource, error) {
	files := []string{"etc/apt/sources.list"}
	entries, err := fs.ReadDir(root, "etc/apt/sources.list.d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Usage, err, "listing apt sources")
	}
	for _, e := range entries {
		files = append(files, path.Join("etc/apt/sources.list.d", e.Name()))
	}
	var sources []aptSource
	for _, name := range files {
		content, err := readFile(root, name, maxAptFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fault.Wrap(fault.Usage, err, "reading apt source %s", name)
		}
		switch path.Ext(name) {
		case ".list":
			sources = append(sources, parseOneLine(name, content)...)
		case ".sources":
			more, err := parseDeb822(name, content)
			if err != nil {
				return nil, fault.Wrap(fault.Usage, err, "reading apt source %s", name)
			}
			sources = append(sources, more...)
		}
	}
	return sources, nil
}

func readFile(root fs.FS, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limitio.ReadAll(f, limit)
}

// parseOneLine reads "deb [options] uri suite components...".
func parseOneLine(name string, content []byte) []aptSource {
	var sources []aptSource
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, maxAptFile)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		if fields := strings.Fields(rest); len(fields) >= 2 {
			sources = append(sources, aptSource{from: name, uri: fields[0], suites: fields[1:2]})
		}
	}
	return sources
}

// parseDeb822 reads stanzas with Types, URIs and Suites; comment lines may
// stand anywhere.
func parseDeb822(name string, content []byte) ([]aptSource, error) {
	var plain bytes.Buffer
	for line := range bytes.Lines(content) {
		if !bytes.HasPrefix(line, []byte("#")) {
			plain.Write(line)
		}
	}
	var sources []aptSource
	err := deb.Stanzas(&plain, func(s *deb.Stanza) error {
		if strings.EqualFold(s.Get("Enabled"), "no") || !slices.Contains(strings.Fields(s.Get("Types")), "deb") {
			return nil
		}
		for _, uri := range strings.Fields(s.Get("URIs")) {
			sources = append(sources, aptSource{from: name, uri: uri, suites: strings.Fields(s.Get("Suites"))})
		}
		return nil
	})
	return sources, err
}
