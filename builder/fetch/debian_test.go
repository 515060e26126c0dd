package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
)

// archive is a Source of packages by pool path, as one of OS mirrors is.
type archive map[string]string

func (a archive) URLs(_ context.Context, f lock.File) ([]string, error) {
	return []string{"pool:" + f.Path}, nil
}

func (a archive) Get(_ context.Context, url string, offset int64) (io.ReadCloser, int64, error) {
	text, ok := a[strings.TrimPrefix(url, "pool:")]
	if !ok {
		return nil, 0, fmt.Errorf("reading %s: %w", url, index.ErrNotFound)
	}
	return io.NopCloser(strings.NewReader(text[offset:])), -1, nil
}

// TestPackageThatLeftTheArchive: the file, its archive and a way out are named.
func TestPackageThatLeftTheArchive(t *testing.T) {
	pkg := func(name string) lock.File {
		return lock.File{Name: name, Size: int64(len(name)), SHA256: hashOf([]byte(name)), Origin: "debian:security", Path: "pool/" + name}
	}
	src := map[string]Source{"debian": archive{"pool/here_2_amd64.deb": "here_2_amd64.deb"}}
	s := newStore(t)
	err := All(t.Context(), []lock.File{pkg("here_2_amd64.deb"), pkg("left_1_amd64.deb")}, s, src, progress.None())
	if fault.KindOf(err) != fault.Network || !errors.Is(err, index.ErrNotFound) {
		t.Fatalf("%v", err)
	}
	text := err.Error()
	if !strings.Contains(text, "left_1_amd64.deb") || !strings.Contains(text, "security") || len(fault.Hints(err)) != 1 {
		t.Errorf("file, archive or hint is missing: %s (%q)", text, fault.Hints(err))
	}
	wantStored(t, s, []byte("here_2_amd64.deb"))
}
