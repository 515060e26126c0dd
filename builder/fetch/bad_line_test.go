package fetch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestABadLine fetches twenty files from a mirror that resets every fifth
// request half-way, stalls one file at first and sends another at 50 kB/s: all
// arrive, and nobody waits for the slow one.
func TestABadLine(t *testing.T) {
	t.Parallel()
	m, s := newMirror(t), newStore(t)
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	var mu sync.Mutex
	resets := 0
	var waited atomic.Int32 // files that were not there when the slow one was
	var files []lock.File
	for i := range 20 {
		b := append([]byte(fmt.Sprintf("%02d", i)), content...)
		f := locked(fmt.Sprintf("acme%02d", i), b)
		m.offer(f, b)
		files = append(files, f)
	}
	m.spoil = func(w http.ResponseWriter, r *http.Request, n int) bool {
		mu.Lock()
		reset := random.IntN(5) == 0
		mu.Unlock()
		switch {
		case strings.Contains(r.URL.Path, files[0].Name):
			slowly(w, m.files[files[0].Name])
			for _, f := range files[1:] {
				if !s.Has(f.SHA256, f.Size) {
					waited.Add(1)
				}
			}
			return true
		case strings.Contains(r.URL.Path, files[1].Name) && n == 0:
			<-r.Context().Done()
			return true
		case reset:
			mu.Lock()
			resets++
			mu.Unlock()
			half(w, r, m.files[strings.TrimPrefix(r.URL.Path, "/files/")])
		}
		return false
	}
	if err := All(t.Context(), files, s, sources(t, m), progress.None()); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		wantStored(t, s, m.files[f.Name])
	}
	if resets == 0 || waited.Load() > 0 {
		t.Errorf("%d resets; %d files waited for the slow one", resets, waited.Load())
	}
}

// half sends the first half of what is asked for and resets the connection.
func half(w http.ResponseWriter, r *http.Request, file []byte) {
	left := len(file)
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		at, _ := strconv.Atoi(strings.TrimSuffix(from, "-"))
		left -= at
	}
	http.ServeContent(&breaking{w, left / 2}, r, "", time.Time{}, bytes.NewReader(file))
}

// breaking is an answer that ends after so many bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left == 0 || err != nil {
		_ = http.NewResponseController(b.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// slowly sends a file at 50 kB/s.
func slowly(w http.ResponseWriter, file []byte) {
	const piece = 5 << 10
	w.Header().Set("Content-Length", fmt.Sprint(len(file)))
	for len(file) > 0 {
		n := min(piece, len(file))
		if _, err := w.Write(file[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		file = file[n:]
		time.Sleep(100 * time.Millisecond)
	}
}
