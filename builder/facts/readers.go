package facts

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/wheel"
)

// maxText is how much of a file is read that says something about others:
// RECORD of the largest known package has 3 MiB.
const maxText = 16 << 20

// readRecord reads a RECORD, "Recording installed projects" of
// packaging.python.org. Rows may lack hash and size; a path may be there once.
func readRecord(b []byte) ([]RecordRow, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = 3
	r.ReuseRecord = true
	var rows []RecordRow
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		row := RecordRow{Path: strings.Clone(f[0]), Size: -1}
		if f[1] != "" {
			digest, ok := strings.CutPrefix(f[1], "sha256=")
			sum, err := base64.RawURLEncoding.Strict().DecodeString(digest)
			if !ok || err != nil || len(sum) != 32 {
				return nil, fmt.Errorf("row %q: hash %q", f[0], f[1])
			}
			row.SHA256 = hex.EncodeToString(sum)
		}
		if f[2] != "" {
			if row.Size, err = strconv.ParseInt(f[2], 10, 64); err != nil || row.Size < 0 {
				return nil, fmt.Errorf("row %q: size %q", f[0], f[2])
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b RecordRow) int { return strings.Compare(a.Path, b.Path) })
	for n := range rows[:max(0, len(rows)-1)] {
		if rows[n].Path == rows[n+1].Path {
			return nil, fmt.Errorf("row %q is there twice", rows[n].Path)
		}
	}
	return rows, nil
}

// readMetadata reads the headers of METADATA or PKG-INFO, core metadata
// specification. The description after them is not read.
func readMetadata(b []byte) (Distribution, error) {
	var d Distribution
	var text string
	var classified []string
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxText)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue // the rest of a value of several lines
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return d, fmt.Errorf("header %.64q", line)
		}
		value = strings.ToValidUTF8(strings.TrimSpace(value), "\uFFFD")
		switch strings.ToLower(key) {
		case "name":
			d.Name = wheel.NormalizeName(value)
		case "version":
			d.Version = value
		case "requires-dist":
			d.RequiresDist = append(d.RequiresDist, value)
		case "license-expression":
			d.Expression = value
		case "license":
			text = value
		case "classifier":
			if l, ok := strings.CutPrefix(value, "License :: "); ok {
				classified = append(classified, strings.TrimPrefix(l, "OSI Approved :: "))
			}
		}
	}
	if err := lines.Err(); err != nil {
		return d, err
	}
	if d.Name == "" || d.Version == "" {
		return d, errors.New("no name or no version")
	}
	d.License = licence(d.Expression, text, classified)
	return d, nil
}

// licence prefers the SPDX expression (PEP 639), then a short free text, then
// the classifiers.
func licence(expression, text string, classified []string) string {
	switch {
	case expression != "":
		return expression
	case text != "" && len(text) <= 100 && !strings.EqualFold(text, "unknown"):
		return text
	}
	return strings.Join(classified, ", ")
}

// readStatus reads dpkg's status file, or one of status.d. Packages that are
// known but not installed are left out.
func readStatus(b []byte) ([]Package, error) {
	var found []Package
	err := deb.Stanzas(bytes.NewReader(b), func(s *deb.Stanza) error {
		p := Package{Name: s.Get("Package"), Version: s.Get("Version"), Arch: s.Get("Architecture")}
		if p.Name == "" || p.Version == "" {
			return errors.New("a paragraph without package or version")
		}
		if status := s.Get("Status"); status != "" && !strings.HasSuffix(status, " installed") {
			return nil
		}
		p.Source, _, _ = strings.Cut(s.Get("Source"), " ")
		for line := range strings.SplitSeq(s.Get("Conffiles"), "\n") {
			if f := strings.Fields(line); len(f) > 0 {
				p.Conffiles = append(p.Conffiles, strings.TrimPrefix(f[0], "/"))
			}
		}
		found = append(found, p)
		return nil
	})
	return found, err
}

// readMD5Sums reads a package's md5sums list. Paths below directories that
// are links into usr on a merged-usr system are given as they lie there.
func readMD5Sums(b []byte) ([]MD5, error) {
	var rows []MD5
	for line := range strings.SplitSeq(string(b), "\n") {
		if line == "" {
			continue
		}
		sum, name, ok := strings.Cut(line, "  ")
		if _, err := hex.DecodeString(sum); !ok || err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("line %.64q", line)
		}
		rows = append(rows, MD5{Path: mergedUsr(path.Clean(strings.TrimPrefix(name, "/"))), MD5: strings.ToLower(sum)})
	}
	slices.SortFunc(rows, func(a, b MD5) int { return strings.Compare(a.Path, b.Path) })
	return rows, nil
}

func mergedUsr(p string) string {
	top, _, _ := strings.Cut(p, "/")
	switch top {
	case "bin", "sbin", "lib", "lib64", "lib32":
		return "usr/" + p
	}
	return p
}

// readAssignments reads lines of KEY=VALUE or "key = value": os-release and
// pyvenv.cfg. Quotes around a value are taken off.
func readAssignments(b []byte) map[string]string {
	values := map[string]string{}
	for line := range strings.SplitSeq(string(b), "\n") {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = strings.ToValidUTF8(strings.TrimSpace(value), "\uFFFD")
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		values[strings.ToValidUTF8(strings.TrimSpace(key), "\uFFFD")] = value
	}
	return values
}
