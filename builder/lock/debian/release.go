package debian

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
)

const (
	maxRelease = 4 << 20 // bytes of an InRelease file; the largest measured has 151 kB
	// maxSkew is how far a Release may lie in the future of this machine's clock.
	maxSkew = 10 * time.Minute

	armorStart = "-----BEGIN PGP SIGNED MESSAGE-----\n"
	armorEnd   = "-----END PGP SIGNATURE-----\n"
)

// release is one verified InRelease file.
type release struct {
	date   time.Time
	byHash bool
	files  map[string]indexFile // by path relative to the archive's directory
}

// indexFile is a line of the SHA256 section.
type indexFile struct {
	sha256 string
	size   int64
}

// want is what an InRelease file has to be.
type want struct {
	suite    string
	archive  ArchiveName
	keys     openpgp.EntityList
	now      time.Time
	previous string // RFC 3339 date of the previous lock, or ""
}

// verifyRelease checks the signature over the file's text by one of w.keys,
// and that the signed text is the wanted archive, current and not older than
// before. An untrusted signature is fault.Signature, an unwanted text
// fault.Integrity.
//
// Only signed bytes are looked at: the file must begin with the message and
// end with the signature, because text around the armour is not signed.
func verifyRelease(data []byte, w want) (*release, error) {
	data = bytes.TrimRight(data, "\n")
	data = append(data[:len(data):len(data)], '\n')
	if !bytes.HasPrefix(data, []byte(armorStart)) || !bytes.HasSuffix(data, []byte(armorEnd)) ||
		bytes.Count(data, []byte("-----BEGIN PGP SIGN")) != 2 {
		return nil, fault.New(fault.Signature, "InRelease is not exactly one signed message").
			Hint("a proxy or login page may answer in the mirror's place")
	}
	block, rest := clearsign.Decode(data)
	if block == nil || len(rest) != 0 {
		return nil, fault.New(fault.Signature, "InRelease is not exactly one signed message")
	}
	config := &packet.Config{Time: func() time.Time { return w.now }}
	_, err := openpgp.CheckDetachedSignature(w.keys, bytes.NewReader(block.Bytes), block.ArmoredSignature.Body, config)
	if err != nil {
		return nil, fault.Wrap(fault.Signature, err, "verifying the signature of %s", w.archive.dir(w.suite)).
			Hint("the mirror may be damaged, or its signing key may be newer than this lockforge")
	}
	var r *release
	err = deb.Stanzas(bytes.NewReader(block.Plaintext), func(s *deb.Stanza) error {
		if r != nil {
			return fault.New(fault.Integrity, "Release has a second stanza")
		}
		r, err = acceptRelease(s, w)
		return err
	})
	if err == nil && r == nil {
		err = fault.New(fault.Integrity, "Release is empty")
	}
	return r, err
}

// acceptRelease holds the signed text against what is wanted: a genuine
// signature over another suite, or over an old state, must not pass.
func acceptRelease(s *deb.Stanza, w want) (*release, error) {
	dir := w.archive.dir(w.suite)
	for _, field := range []struct{ name, want string }{
		{"Origin", "Debian"}, {"Label", w.archive.label()}, {"Codename", dir},
	} {
		if got := s.Get(field.name); got != field.want {
			return nil, fault.New(fault.Integrity, "Release of %s has %s %q instead of %q", dir, field.name, got, field.want)
		}
	}
	date, err := parseDate(s.Get("Date"))
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the Date of %s", dir)
	}
	if date.After(w.now.Add(maxSkew)) {
		return nil, fault.New(fault.Integrity, "Release of %s was made in the future, at %s", dir, date.Format(time.RFC3339)).
			Hint("check this machine's clock")
	}
	if until := s.Get("Valid-Until"); until != "" {
		end, err := parseDate(until)
		if err != nil {
			return nil, fault.Wrap(fault.Integrity, err, "reading the Valid-Until of %s", dir)
		}
		if w.now.After(end) {
			return nil, fault.New(fault.Integrity, "Release of %s expired at %s", dir, end.Format(time.RFC3339)).
				Hint("the mirror is no longer updated: use another one")
		}
	}
	if err := checkRollback(date, w); err != nil {
		return nil, err
	}
	files, err := parseFiles(s.Get("SHA256"))
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the Release of %s", dir)
	}
	return &release{date: date, byHash: s.Get("Acquire-By-Hash") == "yes", files: files}, nil
}

// checkRollback refuses a state older than the one locked before: the main
// archive has no Valid-Until, so this is all that stops a replay.
func checkRollback(date time.Time, w want) error {
	if w.previous == "" {
		return nil
	}
	before, err := time.Parse(time.RFC3339, w.previous)
	if err != nil {
		return fault.Wrap(fault.LockDrift, err, "reading the previous date of archive %s", w.archive)
	}
	if date.Before(before) {
		return fault.New(fault.Integrity, "Release of %s is from %s, older than %s in the previous lock",
			w.archive.dir(w.suite), date.Format(time.RFC3339), w.previous).
			Hint("the mirror serves an old state: use another one, or wait until it has caught up")
	}
	return nil
}

// parseDate reads the date form of Release files, which is always UTC.
func parseDate(s string) (time.Time, error) {
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 UTC", "Mon, 2 Jan 2006 15:04:05 UTC"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Integrity, "date %q is not valid", s)
}

func parseFiles(section string) (map[string]indexFile, error) {
	files := map[string]indexFile{}
	for line := range strings.Lines(section) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return nil, fault.New(fault.Integrity, "checksum line %q", line)
		}
		sum, err := hex.DecodeString(fields[0])
		size, errSize := strconv.ParseInt(fields[1], 10, 64)
		if err != nil || len(sum) != 32 || errSize != nil || size < 0 {
			return nil, fault.New(fault.Integrity, "checksum line %q", line)
		}
		if _, ok := files[fields[2]]; ok {
			return nil, fault.New(fault.Integrity, "file %q listed twice", fields[2])
		}
		files[fields[2]] = indexFile{sha256: fields[0], size: size}
	}
	return files, nil
}
