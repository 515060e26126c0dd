package unpack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"sort"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/wheel"
)

// dosDate is 1980-01-01 in the date field of a ZIP header.
const dosDate = 0<<9 | 1<<5 | 1

// normalise rewrites a wheel so that its bytes depend on the content of its
// files only: members sorted, .dist-info last, RECORD rewritten and at the very
// end, nothing compressed, one date, one mode.
func normalise(w *wheel.Wheel) ([]byte, error) {
	members := w.Members()
	sort.SliceStable(members, func(i, j int) bool {
		return !strings.HasPrefix(members[i].Name, w.DistInfo+"/") && strings.HasPrefix(members[j].Name, w.DistInfo+"/")
	})
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	var record strings.Builder
	for _, m := range members {
		if m.Name == w.RecordName() {
			continue
		}
		content, err := w.Read(m, maxSource)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", csvField(m.Name), base64.RawURLEncoding.EncodeToString(sum[:]), len(content))
		if err := store(z, m.Name, content); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(&record, "%s,,\n", csvField(w.RecordName()))
	if err := store(z, w.RecordName(), []byte(record.String())); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing wheel %s", w.File)
	}
	return file.Bytes(), nil
}

// store adds an uncompressed member. The header is written as it is given here,
// without the data descriptor and the extra fields that Writer.Create adds.
func store(z *zip.Writer, name string, content []byte) error {
	h := &zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(content),
		CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content)),
		CreatorVersion: 3<<8 | 20, ReaderVersion: 20, ExternalAttrs: 0o100644 << 16, ModifiedDate: dosDate,
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r > 127 }) {
		h.Flags |= 0x800 // the name is UTF-8
	}
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing member %q", name)
	}
	return nil
}

func csvField(field string) string {
	if strings.ContainsAny(field, `,"`) {
		return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
	}
	return field
}
