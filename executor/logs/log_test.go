package logs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/logs"
	"github.com/lockforge/lockforge/executor/mask"
)

func open(t testing.TB, o logs.Options) *logs.Log {
	t.Helper()
	l, err := logs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func masking(t testing.TB, secrets map[string]string) func(io.Writer) io.WriteCloser {
	t.Helper()
	m, err := mask.New(secrets, logs.Clean)
	if err != nil {
		t.Fatal(err)
	}
	return func(w io.Writer) io.WriteCloser { return m.Writer(w) }
}

func put(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func closeLog(t testing.TB, l *logs.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

const all = 1 << 20

func TestKeepsHeadAndTail(t *testing.T) {
	for _, tc := range []struct {
		lines int
		want  string
	}{
		{0, ""},
		{2, "1\n2\n"},
		{5, "1\n2\n3\n4\n5\n"},
		{6, "1\n2\n[... 1 lines left out ...]\n4\n5\n6\n"},
		{100, "1\n2\n[... 95 lines left out ...]\n98\n99\n100\n"},
	} {
		l := open(t, logs.Options{Head: 2, Tail: 3})
		s := l.Stream()
		for i := range tc.lines {
			put(t, s, fmt.Sprintf("%d\n", i+1))
		}
		if diff := cmp.Diff(tc.want, l.Report(all)); diff != "" {
			t.Errorf("%d lines (-want +got):\n%s", tc.lines, diff)
		}
		if count, leftOut := l.Lines(); count != int64(tc.lines) || leftOut != max(0, int64(tc.lines-5)) {
			t.Errorf("%d lines: counted %d, left out %d", tc.lines, count, leftOut)
		}
		closeLog(t, l)
	}
}

func TestReportFitsItsLimit(t *testing.T) {
	l := open(t, logs.Options{Head: 20, Tail: 60})
	s := l.Stream()
	for i := range 100 {
		put(t, s, fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", i%30)))
	}
	closeLog(t, l)
	whole := len(l.Report(all))
	for limit := range whole + 100 {
		report := l.Report(limit)
		if len(report) > limit {
			t.Fatalf("limit %d: %d bytes", limit, len(report))
		}
		if limit > 300 && (!strings.HasPrefix(report, "line 0 ") || !strings.Contains(report, "line 99 ") || !strings.Contains(report, "left out")) {
			t.Fatalf("limit %d: %q", limit, report)
		}
	}
}

func TestCutsLongLines(t *testing.T) {
	path := t.TempDir() + "/log"
	l := open(t, logs.Options{LineBytes: 8, Path: path})
	s := l.Stream()
	put(t, s, "12345678\n123456789\n12345")
	put(t, s, "678abcdefghijk\n1234567ü!\nend")
	closeLog(t, l)
	want := "12345678\n12345678[...truncated]\n12345678[...truncated]\n1234567[...truncated]\nend\n"
	if diff := cmp.Diff(want, l.Report(all)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	want = "12345678\n12345678[...continued]\n9\n12345678[...continued]\nabcdefgh[...continued]\nijk\n1234567[...continued]\nü!\nend\n"
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

// A secret may be split over writes, coloured, or lie across the place where
// a line is cut; a value of several lines may be written the way of Windows.
func TestEveryOutletIsMasked(t *testing.T) {
	path := t.TempDir() + "/log"
	var echo bytes.Buffer
	l := open(t, logs.Options{
		Mask:      masking(t, map[string]string{"PW": "hunter22", "KEY": "line one\r\nand two\x01", "ESC": "s3\x1b[1mcret"}),
		LineBytes: 20, Path: path, Echo: &echo, EchoPrefix: "[id logs] ",
	})
	s := l.Stream()
	for _, piece := range []string{"a hun", "ter22 b hunter22 c\n", "hun\x1b[31mter22\x1b[0m\n", "0123456789012345hunter22\n", "line one\nand two\x01\n", "s3\x1b[1mcret\n", "hunter2"} {
		put(t, s, piece)
	}
	closeLog(t, l)
	file := read(t, path)
	for name, text := range map[string]string{"report": l.Report(all), "echo": echo.String(), "file": file} {
		for _, secret := range []string{"hunter22", "line one", "and two", "s3cret", "hunt\n"} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s shows %q:\n%s", name, secret, text)
			}
		}
	}
	want := "[id logs] a ***REDACTED:PW*** [...truncated]\n[id logs] ***REDACTED:PW***\n[id logs] 0123456789012345***R[...truncated]\n"
	if !strings.HasPrefix(echo.String(), want) {
		t.Errorf("echo: %q", echo.String())
	}
	if !strings.HasSuffix(file, "\nhunter2\n") {
		t.Errorf("the end of the file: %q", file)
	}
}

func TestStreamsDoNotMixLines(t *testing.T) {
	var echo bytes.Buffer
	l := open(t, logs.Options{Echo: &echo})
	var writers sync.WaitGroup
	for _, name := range []string{"out", "err"} {
		s := l.Stream()
		writers.Go(func() {
			for range 500 {
				for _, piece := range []string{"<", name, ">\n"} {
					_, _ = io.WriteString(s, piece)
				}
			}
		})
	}
	writers.Wait()
	closeLog(t, l)
	if n := strings.Count("\n"+echo.String(), "\n<out>"); n != 500 {
		t.Errorf("%d whole lines of one stream", n)
	}
	if n := strings.Count(echo.String(), "<err>\n"); n != 500 {
		t.Errorf("%d whole lines of the other", n)
	}
}

func TestFilesRotate(t *testing.T) {
	path := t.TempDir() + "/log"
	l := open(t, logs.Options{Path: path, FileBytes: 100, Files: 3})
	s := l.Stream()
	for i := range 1000 {
		put(t, s, fmt.Sprintf("line %4d\n", i))
	}
	closeLog(t, l)
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{path, path + ".1", path + ".2"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	content := read(t, path+".2") + read(t, path+".1") + read(t, path)
	if len(content) != 200 || !strings.HasPrefix(content, "line  980\n") || !strings.HasSuffix(content, "line  999\n") {
		t.Errorf("content:\n%s", content)
	}
}

func TestTroubleWithTheFileDoesNotEndTheRun(t *testing.T) {
	dir := t.TempDir() + "/sub"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l := open(t, logs.Options{Path: dir + "/log", FileBytes: 10, Echo: broken{}})
	s := l.Stream()
	put(t, s, "before the trouble\n")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	put(t, s, "in the midst of it\n")
	put(t, s, "and after\n")
	if err := l.Close(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("close = %v", err)
	}
	if got, want := l.Report(all), "before the trouble\nin the midst of it\nand after\n"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
}

func TestFileIsOurOwn(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/victim", []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/victim", dir+"/log"); err != nil {
		t.Fatal(err)
	}
	l := open(t, logs.Options{Path: dir + "/log"})
	put(t, l.Stream(), "text\n")
	closeLog(t, l)
	if got := read(t, dir+"/victim"); got != "untouched" {
		t.Errorf("the link was followed: %q", got)
	}
	if _, err := logs.Open(logs.Options{Path: dir + "/absent/log"}); err == nil {
		t.Error("no error for a directory that is absent")
	}
}

func TestWriteToAClosedLog(t *testing.T) {
	l := open(t, logs.Options{})
	s := l.Stream()
	closeLog(t, l)
	if _, err := s.Write([]byte("late")); !errors.Is(err, logs.ErrClosed) {
		t.Errorf("error = %v, want %v", err, logs.ErrClosed)
	}
	closeLog(t, l)
}

type failingMask struct{ io.Writer }

func (failingMask) Write([]byte) (int, error) { return 0, errBroken }
func (failingMask) Close() error              { return errBroken }

func TestNothingPassesAFailingMask(t *testing.T) {
	l := open(t, logs.Options{Mask: func(w io.Writer) io.WriteCloser { return failingMask{w} }})
	if _, err := l.Stream().Write([]byte("hunter22\n")); !errors.Is(err, errBroken) {
		t.Errorf("write = %v", err)
	}
	if err := l.Close(); !errors.Is(err, errBroken) {
		t.Errorf("close = %v", err)
	}
	if got := l.Report(all); got != "" {
		t.Errorf("report %q", got)
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte("a line\nhunter22\xf0\x9f\x92\xa9\x00\r\n"), 3, 8)
	f.Fuzz(func(t *testing.T, in []byte, size, width int) {
		width = 4 + max(0, width)%60
		l := open(t, logs.Options{Mask: masking(t, map[string]string{"PW": "hunter22"}), LineBytes: width, Head: 2, Tail: 3})
		s := l.Stream()
		for rest := in; len(rest) > 0; {
			n := min(max(1, size%16), len(rest))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		closeLog(t, l)
		report := l.Report(all)
		if strings.Contains(report, "hunter22") || !utf8.ValidString(report) {
			t.Errorf("report %q", report)
		}
		for line := range strings.Lines(report) {
			if len(line) > width+len("[...truncated]\n") && !strings.Contains(line, "left out") {
				t.Errorf("line %q of more than %d bytes", line, width)
			}
		}
	})
}
