package venv

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"sort"
	"strconv"
	"strings"
)

// record is the RECORD of a store directory: one row per file, sorted by path.
// Bytecode is not listed, since it is made after RECORD and no wheel's property.
func record(name string, files []File) File {
	rows := make([]string, 0, len(files)+1)
	for _, f := range files {
		sum, _ := hex.DecodeString(f.SHA256) // hex by wheel.Open
		rows = append(rows, quote(f.Path)+",sha256="+base64.RawURLEncoding.EncodeToString(sum)+","+strconv.FormatInt(f.Size, 10)+"\n")
	}
	rows = append(rows, quote(name)+",,\n")
	sort.Strings(rows)
	content := []byte(strings.Join(rows, ""))
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
