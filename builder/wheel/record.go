package wheel

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// RecordName is the path of the wheel's own RECORD.
func (w *Wheel) RecordName() string { return w.DistInfo + "/RECORD" }

// readRecord sets every member's hash from RECORD. Each file must have exactly
// one row with a sha256 and its size, but RECORD itself, which can have neither.
func (w *Wheel) readRecord() error {
	content, err := w.required("RECORD", MaxRecord)
	if err != nil {
		return err
	}
	rows := csv.NewReader(bytes.NewReader(content))
	rows.FieldsPerRecord = 3
	rows.ReuseRecord = true
	listed := make(map[string]bool, len(w.members))
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("RECORD: %w", err)
		}
		if err := w.recordRow(strings.Clone(row[0]), row[1], row[2], listed); err != nil {
			return fmt.Errorf("RECORD: row %q: %w", row[0], err)
		}
	}
	for _, m := range w.members {
		if !listed[m.Name] {
			return memberError(m.Name, "not listed in RECORD")
		}
	}
	return nil
}

func (w *Wheel) recordRow(name, hash, size string, listed map[string]bool) error {
	m := w.byName[name]
	switch {
	case m == nil:
		return errors.New("no such member")
	case listed[name]:
		return errors.New("listed twice")
	}
	listed[name] = true
	if name == w.RecordName() {
		if hash != "" || size != "" {
			return errors.New("RECORD cannot hold its own hash or size")
		}
		return nil
	}
	algorithm, digest, _ := strings.Cut(hash, "=")
	if algorithm != "sha256" {
		return fmt.Errorf("hash %q, want sha256", hash)
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(digest)
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("hash %q is no sha256 in URL-safe base64", hash)
	}
	if n, err := strconv.ParseInt(size, 10, 64); err != nil || n != m.Size {
		return fmt.Errorf("size %q, the archive says %d", size, m.Size)
	}
	m.SHA256 = hex.EncodeToString(sum)
	return nil
}
