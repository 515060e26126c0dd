package fetch

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/store"
)

// The variables that make the test binary fetch one file and end.
const (
	killedIndex = "FETCH_TEST_INDEX"
	killedRoot  = "FETCH_TEST_ROOT"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(killedIndex); address != "" {
		os.Exit(fetchAndExit(address, os.Getenv(killedRoot)))
	}
	os.Exit(m.Run())
}

func fetchAndExit(address, root string) int {
	set, err := index.Discover(&manifest.Manifest{Indexes: manifest.Indexes{Default: &manifest.Index{URL: address}}}, index.Env{})
	if err != nil {
		return 2
	}
	s, err := store.Open(root)
	if err != nil {
		return 2
	}
	src := map[string]Source{"index": index.NewClient(set, index.Options{})}
	if err := All(context.Background(), []lock.File{locked("acme", content)}, s, src, progress.None()); err != nil {
		return 1
	}
	return 0
}

// TestKilledProcess kills a real process in the middle of a file. Meanwhile
// another one waits for it, takes over when its lock is gone, and goes on
// where it was.
func TestKilledProcess(t *testing.T) {
	m := newMirror(t)
	f := locked("acme", content)
	m.offer(f, content)
	half := len(content) / 2
	sent, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	m.mu.Lock() // the request comes from another process, which orders nothing here
	m.spoil = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:half])
		_ = http.NewResponseController(w).Flush()
		close(sent)
		<-release
		return true
	}
	m.mu.Unlock()
	root := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killedIndex+"="+m.URL+"/simple", killedRoot+"="+root)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	<-sent
	waitForSize(t, root+"/partial/"+f.SHA256, int64(half))

	s := openStore(t, root)
	done := make(chan error)
	go func() { done <- All(t.Context(), []lock.File{f}, s, sources(t, m), progress.None()) }()
	select {
	case err := <-done:
		t.Fatalf("fetched beside a process that is at it: %v", err)
	case <-time.After(150 * time.Millisecond):
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the child ended by itself: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantStored(t, s, content)
	if got := m.seen(f.Name); len(got) != 2 || got[1] != "bytes="+strconv.Itoa(half)+"-" {
		t.Errorf("ranges asked for: %q", got)
	}
}

func waitForSize(t *testing.T, path string, size int64) {
	t.Helper()
	for range 500 {
		if info, err := os.Stat(path); err == nil && info.Size() == size {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s has not come to %d bytes", path, size)
}
