package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// Many runs at once make one chain.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	o := options()
	o.FileBytes, o.SyncDelay = 5000, -1
	l := open(t, dir, o)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for n := range 20 {
				add(t, l, TaskReceived(Subject{Run: fmt.Sprint(i, "-", n)}, "RUN_INGEST", "default", "gms"))
			}
		})
	}
	all.Wait()
	if got, err := Verify([]string{dir}, Expect{Head: l.Head()}); err != nil || got.Records != 400 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A record that does not fit on the disk leaves nothing, and when there is
// space again the trail goes on.
func TestDiskFull(t *testing.T) {
	disk := testenv.SmallDisk(t, "256k")
	dir := filepath.Join(disk, "audit")
	o := options()
	o.FileBytes = 20_000
	l := open(t, dir, o)
	add(t, l, Drain("first", 0))
	other := filepath.Join(disk, "other")
	if err := os.WriteFile(other, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	refused := 0
	for range 50 {
		if err := l.Record(AuthFailure("gms", 401, strings.Repeat("x", MaxText))); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("every record fit")
	}
	if _, err := Verify([]string{dir}, Expect{Head: l.Head()}); err != nil {
		t.Error("while it is full:", err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		add(t, l, Drain(strings.Repeat("y", MaxText), 0))
	}
	if got, err := Verify([]string{dir}, Expect{Head: l.Head()}); err != nil || got.Records != 101-refused {
		t.Errorf("%d refused: %+v, %v", refused, got, err)
	}
}

// A disk that fails later than the call does is told at the next one.
func TestDelayedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.SyncDelay = time.Second
		l, err := Open(t.TempDir(), o)
		if err != nil {
			t.Fatal(err)
		}
		add(t, l, Drain("a", 0), Drain("b", 0))
		time.Sleep(2 * time.Second)
		add(t, l, Drain("c", 0))
		if err := l.f.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := l.Record(Drain("d", 0)); !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
		if err := l.Close(); err == nil {
			t.Error("closing does not tell")
		}
	})
}

// A file that is too old to be kept, but cannot be removed, stops nothing.
func TestFileThatStays(t *testing.T) {
	dir := t.TempDir()
	o := options()
	o.FileBytes, o.Files = 1, 2
	l := open(t, dir, o)
	add(t, l, Drain("a", 0))
	oldest := filepath.Join(dir, nameOf(1))
	if err := os.Remove(oldest); err != nil {
		t.Fatal(err)
	}
	// Not even root removes a directory that is not empty as if it were a file.
	if err := os.MkdirAll(filepath.Join(oldest, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	add(t, l, Drain("b", 0), Drain("c", 0), Drain("d", 0))
	files, err := list(dir)
	if err != nil || len(files) != 3 || files[0] != oldest {
		t.Error(files, err)
	}
}

func BenchmarkRecord(b *testing.B) {
	for name, delay := range map[string]time.Duration{"each on the disk": 0, "a second later": time.Second} {
		b.Run(name, func(b *testing.B) {
			o := options()
			o.SyncDelay = delay
			l := open(b, b.TempDir(), o)
			event := SecretResolved(subject, map[string]string{"A": "env", "B": "file"})
			for b.Loop() {
				add(b, l, event)
			}
		})
	}
}
