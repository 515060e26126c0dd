package lock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"gopkg.in/yaml.v3"
)

// MaxSize is the largest lock that Read accepts, in bytes.
const MaxSize = 64 << 20

// digestKey begins the last line of a lock: the SHA-256 of all bytes before it.
const digestKey = "digest: sha256:"

// Read reads and validates the lock at path. It fails with fault.LockMissing
// where there is no file, and with fault.LockDrift where the file is damaged,
// edited by hand or holds anything that a lock must not hold.
func Read(path string) (*Lock, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.LockMissing, "reading lock %s: there is no such file", path).
			Hint("run `lockforge lock %s`", strings.TrimSuffix(path, ".lock"))
	}
	if err != nil {
		return nil, fault.Wrap(fault.LockMissing, err, "reading lock %s", path)
	}
	defer f.Close()
	data, err := limitio.ReadAll(f, MaxSize)
	if err != nil {
		return nil, fault.Wrap(fault.LockDrift, err, "reading lock %s", path)
	}
	l, err := Parse(data)
	if err != nil {
		return nil, fault.Wrap(fault.LockDrift, err, "reading lock %s", path).
			Hint("restore the file, or run `lockforge lock %s` and review the diff", strings.TrimSuffix(path, ".lock"))
	}
	return l, nil
}

// Parse decodes the bytes of a lock. A lock has exactly one form: what Marshal
// gives for its content. Anything else is fault.LockDrift, also where it would
// decode to the same values.
func Parse(data []byte) (*Lock, error) {
	if len(data) > MaxSize {
		return nil, fault.Wrap(fault.LockDrift, &limitio.TooLarge{Limit: MaxSize}, "decoding lock")
	}
	body, err := checkDigest(data)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	decoder.KnownFields(true)
	var l Lock
	if err := decoder.Decode(&l); err != nil {
		return nil, fault.Wrap(fault.LockDrift, err, "decoding lock")
	}
	if err := validate(&l); err != nil {
		return nil, err
	}
	canonical, err := Marshal(&l)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, data) {
		return nil, fault.New(fault.LockDrift, "decoding lock: not in the form that lockforge writes")
	}
	return &l, nil
}

// checkDigest returns the bytes before the digest line when the line is there,
// is the last one, and is right.
func checkDigest(data []byte) ([]byte, error) {
	at := bytes.LastIndex(data, []byte("\n"+digestKey)) + 1
	if at == 0 {
		return nil, fault.New(fault.LockDrift, "decoding lock: the digest line at its end is missing")
	}
	sum := sha256.Sum256(data[:at])
	if want := digestKey + hex.EncodeToString(sum[:]) + "\n"; string(data[at:]) != want {
		return nil, fault.New(fault.LockDrift, "decoding lock: the content does not match the digest line at its end")
	}
	return data[:at], nil
}
