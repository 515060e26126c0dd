package logs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/logs"
)

func floods() map[string][]byte {
	binary := make([]byte, 1<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range binary {
		binary[i] = byte(random.Uint32())
	}
	return map[string][]byte{
		"lines":      bytes.Repeat([]byte("2026-11-21 INFO a line of a log with \x1b[1mcolour\x1b[0m and hunter22 in it\n"), 10_000),
		"no newline": bytes.Repeat([]byte("x"), 1<<20),
		"newlines":   bytes.Repeat([]byte("\n"), 1<<20),
		"binary":     binary,
	}
}

// 256 MiB in all. Memory must not depend on how much there is.
func TestFloodsAreHarmless(t *testing.T) {
	mebibytes := map[string]int{"lines": 128, "no newline": 64, "newlines": 32, "binary": 32}
	for name, block := range floods() {
		total := mebibytes[name] << 20
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/log"
			secrets := map[string]string{}
			for i := range 50 {
				secrets[fmt.Sprintf("S%d", i)] = strings.Repeat(fmt.Sprintf("secret-%d+", i), 3)
			}
			secrets["PW"] = "hunter22"
			before := heap()
			l := open(t, logs.Options{Mask: masking(t, secrets), Path: path, FileBytes: 1 << 20, Files: 3})
			s := l.Stream()
			start := time.Now()
			for written := 0; written < total; written += len(block) {
				if _, err := s.Write(block); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%.0f MB/s", float64(total)/1e6/time.Since(start).Seconds())
			if grown := heap() - before; grown > 32<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			closeLog(t, l)
			report := l.Report(4 << 20)
			if len(report) > 4<<20 || strings.Contains(report, "hunter22") {
				t.Errorf("a report of %d bytes", len(report))
			}
			if size := onDisk(t, path); size > 3<<20+3*logs.DefaultLineBytes {
				t.Errorf("%d bytes on disk", size)
			}
			runtime.KeepAlive(l)
		})
	}
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func onDisk(t *testing.T, path string) (size int64) {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}
