// Package sealed keeps values in files of a cache, such that a file of which
// any byte has changed counts as absent: a value as JSON, below its SHA-256.
package sealed

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// ErrBroken is what reading a file gives that is not as it was written.
var ErrBroken = errors.New("not as it was written")

// Write puts a value into a file for this user alone, in one step: other
// processes and an interrupted run see the old file or the new one. The folder
// is made where it is missing.
func Write(path string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(seal(body), body...))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Read reads what Write wrote, at most limit bytes of it.
func Read(path string, limit int64, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := limitio.ReadAll(f, limit)
	if err != nil {
		return err
	}
	size := len(seal(nil))
	if len(content) < size || !bytes.Equal(content[:size], seal(content[size:])) {
		return ErrBroken
	}
	return json.Unmarshal(content[size:], into)
}

// seal is the first line of a file.
func seal(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(hex.AppendEncode(nil, sum[:]), '\n')
}
