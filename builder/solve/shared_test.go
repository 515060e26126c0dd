package solve_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

// stalled gives the first bytes of a blob, and then nothing any more.
type stalled struct {
	pack.Blob
	until   int64
	reached func()
	end     <-chan struct{}
}

func (s stalled) ReadAt(p []byte, at int64) (int, error) {
	if at >= s.until {
		s.reached()
		<-s.end
	}
	return s.Blob.ReadAt(p, at)
}

// TestAnotherClientGivesTheRest has two clients of one engine build the same.
// The one that a blob is read from goes away in the middle of it.
func TestAnotherClientGivesTheRest(t *testing.T) {
	b := newBuilder(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 24<<20/16)
	copy(content, rand.Text()) // the engine keeps what it has read
	sha := hexOf(content)
	b.store[sha] = content
	b.g.Content.Stored[sha] = int64(len(content))
	g := &graph.File{Step: "copy", Definition: marshal(t, b.run("copy", map[string]string{"/in": sha}, "copy", "/in", "/out/file")), Content: b.g.Content}

	dying, die := context.WithCancel(t.Context())
	defer die()
	half := make(chan struct{})
	reached := sync.OnceFunc(func() { close(half) })
	stall := func(sha string) (pack.Blob, error) {
		blob, err := b.open(sha)
		return stalled{blob, int64(len(content) / 2), reached, t.Context().Done()}, err
	}
	first, second := buildkit.Client(t), buildkit.Client(t)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		defer reached() // or not: it has ended
		if _, _, err := solve.File(dying, first, g, stall, progress.None()); !fault.Is(err, fault.Cancelled) {
			t.Errorf("the first: got %v, want a cancelled fault", err)
		}
	})
	<-half
	time.AfterFunc(time.Second, die) // by then the second one waits for the same
	_, got, err := solve.File(t.Context(), second, g, b.open, progress.None())
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the second: %d bytes, %v; want the blob's %d", len(got), err, len(content))
	}
}

// TestStepsOfAClientThatHasGoneEnd occupies the whole engine and goes away:
// others need not wait until its steps end by themselves.
func TestStepsOfAClientThatHasGoneEnd(t *testing.T) {
	c := buildkit.Client(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sink := &begun{name: "occupies", news: make(chan struct{}, 100)}
	var group sync.WaitGroup
	for n := range runtime.NumCPU() {
		b := newBuilder(t)
		g := &graph.File{Step: "occupies", Definition: marshal(t, b.run("occupies", nil, "sleep", strconv.Itoa(n))), Content: b.g.Content}
		group.Go(func() { _, _, _ = solve.File(ctx, c, g, b.open, sink) }) // it is cancelled
	}
	for range runtime.NumCPU() {
		<-sink.news
	}
	cancel()
	group.Wait()
	began := time.Now()
	if _, _, err := solve.File(t.Context(), c, fileOf(newBuilder(t), "write", "/out/x", t.Name()), nil, progress.None()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the next client waited %s", took)
	}
}

// begun tells of each step of a name that begins.
type begun struct {
	name string
	news chan struct{}
}

func (b *begun) Begin(name string) progress.Step {
	if name == b.name {
		b.news <- struct{}{}
	}
	return progress.None().Begin(name)
}
