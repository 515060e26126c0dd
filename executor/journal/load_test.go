package journal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A million records take bounded time and memory to open, and a compaction
// leaves what is to be remembered.
func TestMillionRecords(t *testing.T) {
	const runs, undelivered = 250_000, 1000
	dir := t.TempDir()
	writeMillion(t, filepath.Join(dir, fileName), runs, undelivered)
	before := heap()
	begin := time.Now()
	j := open(t, dir, small())
	opened := time.Since(begin)
	if got := j.Report(); got.Records != 4*runs-undelivered || len(j.Runs()) != undelivered {
		t.Fatalf("%+v, %d runs", got, len(j.Runs()))
	}
	grown := heap() - before
	if err := j.Compact(); err != nil {
		t.Fatal(err)
	}
	compacted := time.Since(begin) - opened
	after := heap() - before
	stats := j.Stats()
	t.Logf("opened in %v with %d KiB, compacted in %v to %d KiB, with %d KiB of memory",
		opened, grown>>10, compacted, stats.Bytes>>10, after>>10)
	if stats.Live != undelivered || stats.Done != DefaultKeepIDs {
		t.Errorf("%+v", stats)
	}
	// Measured: 1.5 s and 20 MiB; the bounds leave room for a busy machine.
	if opened > 30*time.Second || compacted > 30*time.Second {
		t.Error("that takes too long")
	}
	if grown > 40<<20 || after > 10<<20 {
		t.Error("that takes too much memory")
	}
}

func writeMillion(t *testing.T, path string, runs, undelivered int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	line := appendLine(nil, entry{Format: format})
	_, err = w.Write(line)
	seq := uint64(0)
	for i := 0; i < runs && err == nil; i++ {
		path := []State{Accepted, Starting, Ended, Delivered}
		if i >= runs-undelivered {
			path = path[:3]
		}
		for _, s := range path {
			seq++
			r := Record{Seq: seq, At: start.UnixMilli(), ID: fmt.Sprintf("01234567-89ab-cdef-0123-%012d", i), State: s, Data: json.RawMessage(`{"some":"data"}`)}
			line = appendLine(line[:0], entry{Batch: seq, Record: r})
			_, err = w.Write(line)
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// heap is what is in use, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What the executor keeps per delivered run: less than 1 MiB for 10,000.
func TestMemoryPerRun(t *testing.T) {
	const runs = 20_000
	j := open(t, scratch(t), small())
	before := heap()
	for i := range runs {
		id := fmt.Sprintf("01234567-89ab-cdef-0123-%012d", i)
		add(t, j, id, Accepted, `{"some":"request"}`)
		add(t, j, id, Ended, `{"some":"result"}`)
		add(t, j, id, Delivered, "")
	}
	per := (heap() - before) / (runs / 10_000)
	t.Logf("%d KiB per 10,000 runs", per>>10)
	if per > 1<<20 {
		t.Error("that is too much")
	}
}

// Appending from many goroutines: they share the fsync, so what one waits for
// hardly grows.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			o := small()
			o.CompactBytes = DefaultCompactBytes
			j := open(b, b.TempDir(), o)
			data := json.RawMessage(`{"recipe":"` + payload[1:1000] + `"}`)
			var n atomic.Int64
			b.SetParallelism((writers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := j.Append(Record{ID: fmt.Sprint("run-", n.Add(1)), State: Accepted, Data: data}); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
