package fetch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
)

// first limits a spoiler to the first requests.

// body sends other bytes than it should, as a complete answer.

// cut sends n bytes from the asked offset and then resets the connection.

// chunked sends bytes without saying how many.

// rangeless answers with the whole file whatever is asked for.

func TestFaults(t *testing.T) {
	wrong := bytes.Clone(content)
	wrong[len(wrong)/2] ^= 1
	page := []byte("<!doctype html><html><body>please log in</body></html>")
	tests := map[string]struct {
		spoil spoiler
		kind  fault.Kind // with ok false
		is    error
		ok    bool
	}{
		"nothing":                    {spoil: nil, ok: true},
		"burst of 503":               {spoil: first(4, status(503)), ok: true},
		"503 for good":               {spoil: status(503), kind: fault.Network},
		"429 with Retry-After":       {spoil: first(1, status(429, "Retry-After", "1")), ok: true},
		"429 with too long a pause":  {spoil: first(1, status(429, "Retry-After", "3600")), kind: fault.Network},
		"408":                        {spoil: first(2, status(408)), ok: true},
		"501":                        {spoil: status(501), kind: fault.Network},
		"reset midway":               {spoil: first(1, cut(len(content)/2)), ok: true},
		"reset again and again":      {spoil: first(20, cut(len(content)/40)), ok: true},
		"reset before any byte":      {spoil: cut(0), kind: fault.Network},
		"truncated, size announced":  {spoil: body("application/zip", content[:1000]), kind: fault.Integrity},
		"truncated, size unknown":    {spoil: chunked(content[:100000]), kind: fault.Integrity},
		"longer, size announced":     {spoil: body("application/zip", append(bytes.Clone(content), '!')), kind: fault.Integrity},
		"longer, size unknown":       {spoil: chunked(append(bytes.Clone(content), '!')), kind: fault.Integrity},
		"other content, same length": {spoil: body("application/zip", wrong), kind: fault.Integrity},
		"HTML with 200":              {spoil: body("text/html; charset=utf-8", page), kind: fault.Integrity, is: index.ErrHTML},
		"a wheel served as HTML":     {spoil: body("text/html", content), ok: true},
		"gone":                       {spoil: status(404), kind: fault.Network, is: index.ErrNotFound},
		"login needed":               {spoil: status(401), kind: fault.Network, is: index.ErrDenied},
		"ranges ignored": {spoil: first(9, func(w http.ResponseWriter, r *http.Request, n int) bool {
			return n == 0 && cut(100000)(w, r, n) || rangeless(w, r, n)
		}), ok: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t)
			f := locked("acme", content)
			m.offer(f, content)
			m.spoil = test.spoil
			s := newStore(t)
			err := All(t.Context(), []lock.File{f}, s, sources(t, m), progress.None())
			if test.ok {
				if err != nil {
					t.Fatal(err)
				}
				wantStored(t, s, content)
				return
			}
			if err == nil || fault.KindOf(err) != test.kind || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("kind %v, want %v: %v", fault.KindOf(err), test.kind, err)
			}
			if s.Has(f.SHA256, f.Size) {
				t.Error("the store has the file")
			}
			m.mu.Lock()
			m.spoil = nil
			m.mu.Unlock()
			if err := All(t.Context(), []lock.File{f}, s, sources(t, m), progress.None()); err != nil {
				t.Errorf("once the mirror is well again: %v", err)
			}
			wantStored(t, s, content)
		})
	}
}

func TestSecondMirror(t *testing.T) {
	wrong := bytes.Clone(content)
	wrong[0] ^= 1
	tests := map[string]spoiler{
		"digest mismatch on the first": body("application/zip", wrong),
		"gone from the first":          status(404),
		"first one down":               status(502),
		"first one breaks off": first(20, func(w http.ResponseWriter, r *http.Request, n int) bool {
			return n == 0 && cut(1000)(w, r, n) || status(403)(w, r, n)
		}),
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := newMirror(t), newMirror(t)
			f := locked("acme", content)
			bad.offer(f, content)
			good.offer(f, content)
			bad.spoil = spoil
			s, sink := newStore(t), &events{}
			if err := All(t.Context(), []lock.File{f}, s, sources(t, bad, good), sink); err != nil {
				t.Fatal(err)
			}
			wantStored(t, s, content)
			if len(sink.steps) != 2 || len(sink.steps[1].log) != 1 {
				t.Errorf("the step does not tell of the first mirror: %+v", sink.steps)
			}
		})
	}
}

// TestWrongPartThenGoodMirror: the first mirror's half of the file is wrong

// and the second goes on from there; the sum shows it, and the second is read

// from the start.

func TestWrongPartThenGoodMirror(t *testing.T) {
	bad, good := newMirror(t), newMirror(t)
	f := locked("acme", content)
	bad.offer(f, content)
	good.offer(f, content)
	bad.spoil = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n > 0 {
			return status(404)(w, r, n)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(bytes.Repeat([]byte("?"), len(content)/2))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	s := newStore(t)
	if err := All(t.Context(), []lock.File{f}, s, sources(t, bad, good), progress.None()); err != nil {
		t.Fatal(err)
	}
	wantStored(t, s, content)
	if got := good.seen(f.Name); len(got) != 2 || got[0] == "" || got[1] != "" {
		t.Errorf("ranges asked of the good mirror: %q", got)
	}
}

// TestKilledDownload leaves half a file as a killed process does, right and wrong.

func TestKilledDownload(t *testing.T) {
	for name, left := range map[string][]byte{
		"right half": content[:len(content)/2],
		"wrong half": bytes.Repeat([]byte("?"), len(content)/2),
		"all of it":  content,
		"wrong all":  bytes.Repeat([]byte("?"), len(content)),
		"too much":   append(bytes.Clone(content), '!'),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t)
			f := locked("acme", content)
			m.offer(f, content)
			s := newStore(t)
			if err := os.WriteFile(filepath.Join(s.Root(), "partial", f.SHA256), left, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := All(t.Context(), []lock.File{f}, s, sources(t, m), progress.None()); err != nil {
				t.Fatal(err)
			}
			wantStored(t, s, content)
			if name == "right half" {
				if got := m.seen(f.Name); len(got) != 1 || got[0] != "bytes="+strconv.Itoa(len(left))+"-" {
					t.Errorf("ranges asked for: %q", got)
				}
			}
		})
	}
}

// TestServerThatCannotGoOn answers with another range than was asked for.

func TestServerThatCannotGoOn(t *testing.T) {
	m := newMirror(t)
	f := locked("acme", content)
	m.offer(f, content)
	m.spoil = first(1, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Content-Range", "bytes 7-"+strconv.Itoa(len(content)-1)+"/"+strconv.Itoa(len(content)))
		w.WriteHeader(http.StatusPartialContent)
		return true
	})
	s, sink := newStore(t), &events{}
	if err := os.WriteFile(filepath.Join(s.Root(), "partial", f.SHA256), content[:5000], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := All(t.Context(), []lock.File{f}, s, sources(t, m), sink); err != nil {
		t.Fatal(err)
	}
	wantStored(t, s, content)
	if got := m.seen(f.Name); len(got) != 2 || got[0] == "" || got[1] != "" {
		t.Errorf("ranges asked for: %q", got)
	}
	if total := sink.steps[0]; total.done != f.Size || total.total != f.Size {
		t.Errorf("%d of %d bytes are done", total.done, total.total)
	}
}

func TestDamagedBlobIsFetchedAgain(t *testing.T) {
	m := newMirror(t)
	f := locked("acme", content)
	m.offer(f, content)
	src := sources(t, m)
	root := t.TempDir()
	for i := range 3 {
		s := openStore(t, root)
		if i > 0 {
			damaged := bytes.Clone(content)
			damaged[i*1000] ^= 0x10
			if err := errors.Join(os.Chmod(s.Path(f.SHA256), 0o600), os.WriteFile(s.Path(f.SHA256), damaged, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := All(t.Context(), []lock.File{f}, s, src, progress.None()); err != nil {
			t.Fatal(err)
		}
		wantStored(t, s, content)
		if got := len(m.seen(f.Name)); got != i+1 {
			t.Errorf("run %d: %d requests", i, got)
		}
	}
}

// TestConcurrentRuns fetches the same files from two goroutines, each with its

// own Store on one folder: every file is downloaded once.

func TestConcurrentRuns(t *testing.T) {
	m := newMirror(t)
	var files []lock.File
	for _, project := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		b := append([]byte(project), content...)
		f := locked(project, b)
		m.offer(f, b)
		files = append(files, f)
	}
	root := t.TempDir()
	var group sync.WaitGroup
	for range 2 {
		s, src := openStore(t, root), sources(t, m)
		group.Go(func() {
			if err := All(t.Context(), files, s, src, progress.None()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s := openStore(t, root)
	for _, f := range files {
		if !s.Has(f.SHA256, f.Size) {
			t.Errorf("%s is missing", f.Name)
		}
		if got := len(m.seen(f.Name)); got != 1 {
			t.Errorf("%s was downloaded %d times", f.Name, got)
		}
	}
}

func TestCancelOfASlowServer(t *testing.T) {
	m := newMirror(t)
	f := locked("acme", content)
	m.offer(f, content)
	reached, release := make(chan struct{}), make(chan struct{})
	m.spoil = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:5000])
		_ = http.NewResponseController(w).Flush()
		close(reached)
		<-release
		return true
	}
	defer close(release)
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		time.Sleep(20 * time.Millisecond) // time for the first bytes to arrive
		cancel()
	}()
	start := time.Now()
	err := All(ctx, []lock.File{f}, s, sources(t, m), progress.None())
	if fault.KindOf(err) != fault.Cancelled || time.Since(start) > time.Second {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
	if err := All(t.Context(), []lock.File{f}, s, sources(t, m), progress.None()); err != nil {
		t.Fatal(err)
	}
	wantStored(t, s, content)
	if got := m.seen(f.Name); len(got) != 2 || got[1] != "bytes=5000-" {
		t.Errorf("ranges asked for: %q", got)
	}
}

func TestAllFailuresAreNamed(t *testing.T) {
	m := newMirror(t)
	good, bad, gone := locked("good", content), locked("bad", []byte("bad")), locked("gone", []byte("gone"))
	m.offer(good, content)
	m.offer(bad, []byte("bad"))
	m.spoil = func(w http.ResponseWriter, r *http.Request, n int) bool {
		return strings.Contains(r.URL.Path, "bad-") && body("application/zip", []byte("dab"))(w, r, n)
	}
	s, sink := newStore(t), &events{}
	err := All(t.Context(), []lock.File{gone, bad, good}, s, sources(t, m), sink)
	all := fault.All(err)
	if len(all) != 2 || all[0].Kind() != fault.Integrity || all[1].Kind() != fault.Network || !errors.Is(all[1], index.ErrNotFound) {
		t.Fatalf("%v", err)
	}
	for i, f := range []lock.File{bad, gone} {
		text := all[i].Error()
		if !strings.Contains(text, f.Name) || !strings.Contains(text, f.Origin) || len(fault.Hints(all[i])) == 0 {
			t.Errorf("error names neither file nor place, or has no hint: %s", text)
		}
	}
	wantStored(t, s, content)
	for _, step := range sink.steps {
		if step.ended != 1 {
			t.Errorf("step %q ended %d times", step.name, step.ended)
		}
	}
}

func TestProgress(t *testing.T) {
	m := newMirror(t)
	f, double := locked("acme", content), locked("acme", content)
	double.Name = "acme-1.0-1-py3-none-any.whl"
	m.offer(double, content)
	m.offer(f, content)
	s := newStore(t)
	for _, want := range []struct {
		steps  int
		cached bool
	}{{2, false}, {1, true}} {
		sink := &events{}
		if err := All(t.Context(), []lock.File{f, double}, s, sources(t, m), sink); err != nil {
			t.Fatal(err)
		}
		total := sink.steps[0]
		if len(sink.steps) != want.steps || total.cached != want.cached || total.done != f.Size || total.total != f.Size {
			t.Errorf("%d steps, total %+v", len(sink.steps), total)
		}
		if want.steps == 2 && (sink.steps[1].name != "fetch "+double.Name || sink.steps[1].done != f.Size) {
			t.Errorf("step %+v", sink.steps[1])
		}
	}
}

func TestNoSource(t *testing.T) {
	f := locked("acme", content)
	f.Origin = "debian:main"
	err := All(t.Context(), []lock.File{f}, newStore(t), sources(t, newMirror(t)), progress.None())
	if fault.KindOf(err) != fault.Internal {
		t.Errorf("%v", err)
	}
	if err := All(t.Context(), nil, newStore(t), nil, progress.None()); err != nil {
		t.Errorf("nothing to fetch: %v", err)
	}
}
