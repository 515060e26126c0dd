package facts

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/wheel"
)

// maxZipTail is how far from its end a ZIP archive's end record may lie: the
// record and the longest comment.
const maxZipTail = 22 + 1<<16 - 1

// endsAsZip reports whether the file has the end record of a ZIP archive. A
// program or script may have one: Python runs what is appended to it.
func endsAsZip(r io.ReaderAt, size int64) bool {
	n := min(size, maxZipTail)
	tail := make([]byte, n)
	if _, err := r.ReadAt(tail, size-n); err != nil && err != io.EOF {
		return false
	}
	return bytes.Contains(tail, []byte("PK\x05\x06"))
}

// toolsInZip lists the installers that an archive holds as importable packages.
func toolsInZip(r io.ReaderAt, size int64) ([]string, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, f := range z.File {
		name := InstallerModule(f.Name)
		if name == "" && strings.HasSuffix(f.Name, ".whl") {
			project, _, _ := strings.Cut(f.Name[strings.LastIndexByte(f.Name, '/')+1:], "-")
			project = wheel.NormalizeName(project)
			if _, is := lock.Installer(project); is {
				name = project
			}
		}
		if name != "" && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, nil
}
