package mask

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// fifty returns secrets as they are in real recipes: passwords, tokens, a few
// keys of several lines.
func fifty() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/!$&@"
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	secrets := map[string]string{}
	for i := range 48 {
		secrets[fmt.Sprintf("SECRET_%d", i)] = text(12 + i)
	}
	for i := range 2 {
		var key strings.Builder
		for range 26 {
			key.WriteString(text(64) + "\n")
		}
		secrets[fmt.Sprintf("KEY_%d", i)] = key.String()
	}
	return secrets
}

func benchmark(b *testing.B, text []byte) {
	m, err := New(fifty())
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	w := m.Writer(io.Discard)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		if _, err := w.Write(text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(m.a.label)), "nodes")
	b.ReportMetric(float64(b.N)*float64(len(text))/1e6/(cpu(b)-start), "MB/cpu-s")
}

// cpu returns the seconds of processor time used so far: what a benchmark
// costs on a machine that does other things too.
func cpu(b *testing.B) float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

const line = "[2026-11-21 10:15:02,123] INFO     {datahub.ingestion.run.pipeline:571} - Wrote record urn:li:dataset:(urn:li:dataPlatform:mysql,db.table_%d,PROD) to sink in 12 ms\n"

func logText() []byte {
	var text strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, line, i)
	}
	return []byte(text.String())
}

func BenchmarkLog(b *testing.B) { benchmark(b, logText()) }

// One secret in every fourth line.
func BenchmarkLogWithSecrets(b *testing.B) {
	secrets := fifty()
	var text strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, line, i)
		if i%4 == 0 {
			text.WriteString(secrets[fmt.Sprintf("SECRET_%d", i%48)] + "\n")
		}
	}
	benchmark(b, []byte(text.String()))
}

func BenchmarkRandomBytes(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 64<<10)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	benchmark(b, text)
}

// The worst a child can do: nothing but beginnings of secrets.
func BenchmarkBeginnings(b *testing.B) {
	var text strings.Builder
	for _, value := range fifty() {
		text.WriteString(value[:len(value)*3/4])
	}
	benchmark(b, []byte(text.String()))
}

func BenchmarkNew(b *testing.B) {
	secrets := fifty()
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		if _, err := New(secrets); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu(b)-start)*1e3/float64(b.N), "cpu-ms/op")
}

// A report is mostly strings of some dozen bytes.
func BenchmarkJSON(b *testing.B) {
	m, err := New(fifty())
	if err != nil {
		b.Fatal(err)
	}
	text := "[" + strings.Repeat(`{"urn": "urn:li:dataset:(urn:li:dataPlatform:mysql,db.table,PROD)", "aspects": ["status", "schemaMetadata"], "count": 12},`, 1000) + "0]"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := m.JSON(io.Discard, strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
