// Package imagetest makes OCI layouts for tests, well-formed ones and ones
// that lie: every digest, size and media type can be forged.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Epoch is the modification time of every entry and the creation time of
// every image that does not say otherwise: 2026-01-02 00:00:00 UTC.
var Epoch = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// Entry is one tar entry. A zero Mode is 0755 for directories, 0644 for files
// and 0777 for links; a zero Time is Epoch.
type Entry struct {
	Name     string
	Kind     byte // tar type flag; 0 is a regular file
	Body     string
	Link     string
	Mode     int64
	UID, GID int
	Time     time.Time
	Xattrs   map[string]string
}

// Dir, File and Link make entries.
func Dir(name string) Entry          { return Entry{Name: name + "/", Kind: tar.TypeDir} }
func File(name, body string) Entry   { return Entry{Name: name, Body: body} }
func Link(name, target string) Entry { return Entry{Name: name, Kind: tar.TypeSymlink, Link: target} }

// Exec is a file of mode 0755.
func Exec(name, body string) Entry { return Entry{Name: name, Body: body, Mode: 0o755} }

// Layer is one layer. Tar replaces Entries; Trailer follows the tar archive,
// After the compressed bytes.
type Layer struct {
	Entries     []Entry
	Compression string // "gzip" (also ""), "zstd" or "none"
	Tar         []byte
	Trailer     []byte
	After       []byte
	MediaType   string // "" fits Compression
	Digest      string // "" is the true one
	DiffID      string // "" is the true one
	SizeOff     int64  // added to the true size
	CreatedBy   string
}

// Image is one platform's image. Config holds the "config" object.
type Image struct {
	Platform string // "linux/amd64" when empty
	Config   map[string]any
	Created  time.Time // zero is Epoch
	Layers   []Layer
}

// Tar writes a tar archive of entries.
func Tar(t testing.TB, entries []Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.Name, Typeflag: e.Kind, Linkname: e.Link, Mode: e.Mode, Uid: e.UID, Gid: e.GID, ModTime: e.Time}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(e.Body))
		}
		if h.Mode == 0 {
			h.Mode = map[byte]int64{tar.TypeDir: 0o755, tar.TypeSymlink: 0o777}[h.Typeflag]
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.ModTime.IsZero() {
			h.ModTime = Epoch
		}
		for k, v := range e.Xattrs {
			if h.PAXRecords == nil {
				h.PAXRecords = map[string]string{}
			}
			h.PAXRecords["SCHILY.xattr."+k] = v
		}
		must(t, tw.WriteHeader(h))
		if h.Typeflag == tar.TypeReg {
			_, err := tw.Write([]byte(e.Body))
			must(t, err)
		}
	}
	must(t, tw.Close())
	return buf.Bytes()
}

// Layout writes an OCI layout whose one image is an index over images, and
// returns the digest of that index.
func Layout(t testing.TB, dir string, images ...Image) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755))
	var manifests []any
	for _, img := range images {
		manifests = append(manifests, writeImage(t, dir, img))
	}
	const indexType = "application/vnd.oci.image.index.v1+json"
	index := Blob(t, dir, marshal(t, map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": manifests}))
	root := map[string]any{"mediaType": indexType, "digest": index, "size": BlobSize(t, dir, index)}
	WriteIndex(t, dir, root)
	return index
}

// WriteIndex writes index.json and oci-layout.
func WriteIndex(t testing.TB, dir string, roots ...any) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, "index.json"), marshal(t, map[string]any{"schemaVersion": 2, "manifests": roots}), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

// Blob writes a blob and returns its digest.
func Blob(t testing.TB, dir string, b []byte) string {
	t.Helper()
	d := digest(b)
	must(t, os.WriteFile(blobPath(dir, d), b, 0o644))
	return d
}

// BlobSize returns the size of a blob.
func BlobSize(t testing.TB, dir, d string) int64 {
	t.Helper()
	st, err := os.Stat(blobPath(dir, d))
	must(t, err)
	return st.Size()
}

func blobPath(dir, d string) string {
	return filepath.Join(dir, "blobs", "sha256", d[len("sha256:"):])
}

func writeImage(t testing.TB, dir string, img Image) any {
	os_, arch := "linux", "amd64"
	if img.Platform != "" {
		os_, arch = filepath.Split(img.Platform)
		os_ = filepath.Clean(os_)
	}
	created := img.Created
	if created.IsZero() {
		created = Epoch
	}
	var layers, diffIDs, history []any
	for _, l := range img.Layers {
		desc, diffID := writeLayer(t, dir, l)
		layers, diffIDs = append(layers, desc), append(diffIDs, diffID)
		history = append(history, map[string]any{"created": created, "created_by": l.CreatedBy})
	}
	config := Blob(t, dir, marshal(t, map[string]any{
		"os": os_, "architecture": arch, "created": created, "config": img.Config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}, "history": history,
	}))
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest := Blob(t, dir, marshal(t, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "layers": layers,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": BlobSize(t, dir, config)},
	}))
	return map[string]any{
		"mediaType": manifestType, "digest": manifest, "size": BlobSize(t, dir, manifest),
		"platform": map[string]any{"os": os_, "architecture": arch},
	}
}

func writeLayer(t testing.TB, dir string, l Layer) (desc any, diffID string) {
	plain := l.Tar
	if plain == nil {
		plain = Tar(t, l.Entries)
	}
	plain = append(plain[:len(plain):len(plain)], l.Trailer...)
	packed, mediaType := compress(t, plain, l.Compression)
	packed = append(packed, l.After...)
	d := Blob(t, dir, packed)
	diffID = digest(plain)
	if l.DiffID != "" {
		diffID = l.DiffID
	}
	if l.Digest != "" {
		must(t, os.Rename(blobPath(dir, d), blobPath(dir, l.Digest)))
		d = l.Digest
	}
	if l.MediaType != "" {
		mediaType = l.MediaType
	}
	return map[string]any{"mediaType": mediaType, "digest": d, "size": int64(len(packed)) + l.SizeOff}, diffID
}

func compress(t testing.TB, plain []byte, how string) (packed []byte, mediaType string) {
	const tarType = "application/vnd.oci.image.layer.v1.tar"
	var buf bytes.Buffer
	switch how {
	case "none":
		return plain[:len(plain):len(plain)], tarType
	case "zstd":
		w, err := zstd.NewWriter(&buf)
		must(t, err)
		_, err = w.Write(plain)
		must(t, err)
		must(t, w.Close())
		return buf.Bytes(), tarType + "+zstd"
	default:
		w := gzip.NewWriter(&buf)
		_, err := w.Write(plain)
		must(t, err)
		must(t, w.Close())
		return buf.Bytes(), tarType + "+gzip"
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
