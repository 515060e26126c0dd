package venv

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// record is the RECORD of a store directory: one row per file, sorted by path.
// Bytecode is not listed, since it is made after RECORD and no wheel's property.
func record(name string, files []File) File {
	rows := append(slices.Clone(files), File{Path: name})
	slices.SortFunc(rows, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var b strings.Builder
	for _, f := range rows {
		if f.Path == name {
			b.WriteString(quote(name) + ",,\n")
			continue
		}
		sum, _ := hex.DecodeString(f.SHA256) // hex by wheel.Open
		b.WriteString(quote(f.Path) + ",sha256=" + base64.RawURLEncoding.EncodeToString(sum) + "," + strconv.FormatInt(f.Size, 10) + "\n")
	}
	content := []byte(b.String())
	sum := sha256.Sum256(content)
	return File{Path: name, Mode: 0o644, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Content: content}
}

// quote writes a field of a CSV row as Python's csv module does.
func quote(field string) string {
	if strings.ContainsAny(field, `,"`) {
		return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
	}
	return field
}
