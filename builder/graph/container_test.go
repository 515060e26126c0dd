package graph

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/pb"
)

// ops reads the operations of a definition.
func ops(t *testing.T, raw []byte) []*pb.Op {
	t.Helper()
	var def pb.Definition
	if err := def.UnmarshalVT(raw); err != nil {
		t.Fatal(err)
	}
	var all []*pb.Op
	for _, b := range def.Def {
		op := &pb.Op{}
		if err := op.UnmarshalVT(b); err != nil {
			t.Fatal(err)
		}
		all = append(all, op)
	}
	return all
}

func TestRootNamesTheImageByItsDigest(t *testing.T) {
	manifest := "sha256:" + strings.Repeat("ab", 32)
	raw, err := Root("linux/arm64", manifest)
	if err != nil {
		t.Fatal(err)
	}
	source := ops(t, raw)[0]
	if got := source.GetSource(); !strings.HasSuffix(got.GetIdentifier(), "@"+manifest) || got.Attrs[pb.AttrOCILayoutStoreID] != StoreID || source.Platform.Architecture != "arm64" {
		t.Errorf("got %v", source)
	}
	if _, err := Root("no platform", manifest); err == nil {
		t.Error("a platform that is none is accepted")
	}
}

func TestDirectoryHasFilesDirectoriesAndLinks(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "d", "e"), 0o755), os.WriteFile(filepath.Join(dir, "d", "f"), []byte("content"), 0o750), os.Symlink("/any/where", filepath.Join(dir, "l")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := Directory(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range ops(t, first)[0].GetFile().Actions {
		switch {
		case a.GetMkdir() != nil:
			got = append(got, "dir "+a.GetMkdir().Path)
		case a.GetMkfile() != nil:
			got = append(got, "file "+a.GetMkfile().Path+" "+string(a.GetMkfile().Data)+" "+os.FileMode(a.GetMkfile().Mode).String())
		case a.GetSymlink() != nil:
			got = append(got, "link "+a.GetSymlink().Newpath+" "+a.GetSymlink().Oldpath)
		}
	}
	slices.Sort(got)
	if want := []string{"dir /d", "dir /d/e", "file /d/f content -rwxr-x---", "link /l /any/where"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if again, err := Directory(os.DirFS(dir)); err != nil || !bytes.Equal(first, again) {
		t.Errorf("another definition for the same files, %v", err)
	}
	if _, err := Directory(os.DirFS(t.TempDir())); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
}
