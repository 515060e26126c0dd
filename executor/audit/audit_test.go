package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// start is when the tests' clocks begin.
var start = time.UnixMilli(1_800_000_000_000)

func options() Options {
	return Options{Instance: "executor-0", Image: "sha256:aa", Lock: "sha256:bb", Now: func() time.Time { return start }}
}

func open(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func add(t testing.TB, l *Log, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := l.Record(e); err != nil {
			t.Fatal(err)
		}
	}
}

// subject is that of the tests' runs.
var subject = Subject{Run: "run-1", Actor: "urn:li:corpuser:jane"}

// everyKind has one event of each constructor.
func everyKind() []Event {
	return []Event{
		ConfigLoaded("/etc/executor.yaml", "sha256:01"),
		PolicyLoaded("built-in", "sha256:02", []string{"XR001", "XR002"}),
		Recovery(Recovered{Requeued: 1, Ended: 2, Orphans: 3, Reason: "journal: torn tail"}),
		TaskReceived(subject, "RUN_INGEST", "default", "kafka"),
		TaskRefused(subject, []string{"XR007"}, "dotted type"),
		SecretResolved(subject, map[string]string{"MYSQL_PASSWORD": "file", "API_KEY": "awssm"}),
		TaskStarted(subject, Child{Venv: "mysql-bundled", Recipe: "sha256:03", Sandbox: []string{"landlock", "seccomp"}}),
		TaskCancelled(subject, "kafka", "KILL"),
		TaskEnded(subject, "CANCELLED", "cancelled by request", 1500*time.Millisecond, map[string]string{"cli": "1.7.0.17"}),
		AuthFailure("gms", 401, "token expired"),
		Drain("SIGTERM", 4),
	}
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	add(t, l, everyKind()...)
	text, err := os.ReadFile(filepath.Join(dir, nameOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	common := `"instance":"executor-0","image":"sha256:aa","lock":"sha256:bb"`
	who := `"run":"run-1","actor":"urn:li:corpuser:jane"`
	want := []string{
		`"kind":"config-loaded",` + common + `,"detail":{"source":"/etc/executor.yaml","digest":"sha256:01"}`,
		`"kind":"policy-loaded",` + common + `,"detail":{"rules":["XR001","XR002"],"source":"built-in","digest":"sha256:02"}`,
		`"kind":"recovery",` + common + `,"detail":{"reason":"journal: torn tail","requeued":1,"ended":2,"orphans":3}`,
		`"kind":"task-received",` + common + "," + who + `,"detail":{"task":"RUN_INGEST","via":"kafka","pool":"default"}`,
		`"kind":"task-refused",` + common + "," + who + `,"detail":{"rules":["XR007"],"reason":"dotted type"}`,
		`"kind":"secret-resolved",` + common + "," + who + `,"detail":{"secrets":[{"name":"API_KEY","store":"awssm"},{"name":"MYSQL_PASSWORD","store":"file"}]}`,
		`"kind":"task-started",` + common + "," + who + `,"detail":{"venv":"mysql-bundled","recipe":"sha256:03","sandbox":["landlock","seccomp"]}`,
		`"kind":"task-cancelled",` + common + "," + who + `,"detail":{"via":"kafka","reason":"KILL"}`,
		`"kind":"task-ended",` + common + "," + who + `,"detail":{"reason":"cancelled by request","status":"CANCELLED","millis":1500,"facts":{"cli":"1.7.0.17"}}`,
		`"kind":"auth-failure",` + common + `,"detail":{"reason":"token expired","peer":"gms","code":401}`,
		`"kind":"drain",` + common + `,"detail":{"reason":"SIGTERM","running":4}`,
	}
	// The chain as the package's documentation describes it, made here anew.
	prev := strings.Repeat("0", 64)
	for i, middle := range want {
		body := fmt.Sprintf(`{"seq":%d,"at":%d,%s,"prev":"%s"}`, i+1, start.UnixMilli(), middle, prev)
		sum := sha256.Sum256([]byte(body))
		prev = hex.EncodeToString(sum[:])
		want[i] = strings.TrimSuffix(body, "}") + `,"hash":"` + prev + `"}`
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Head{uint64(len(want)), prev}, l.Head()); diff != "" {
		t.Error(diff)
	}
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	o := options()
	o.FileBytes = 1000
	l := open(t, dir, o)
	if _, err := Verify([]string{dir}, Expect{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty trail: %v", err)
	}
	for range 5 {
		add(t, l, everyKind()...)
	}
	files, err := list(dir)
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	want := Report{Files: len(files), Records: 55, First: 1, Last: 55, Head: l.Head().String()}
	backwards := append([]string{files[len(files)-1]}, files...)
	for name, paths := range map[string][]string{"directory": {dir}, "files": files, "in any order, one twice": backwards, "both": append(files, dir)} {
		got, err := Verify(paths, Expect{Head: l.Head()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := Verify(files[1:], Expect{}); !errors.Is(err, ErrTampered) {
		t.Errorf("without the first file: %v", err)
	}
	if got, err := Verify(files[1:], Expect{Partial: true}); err != nil || got.First == 1 {
		t.Errorf("a part: %+v, %v", got, err)
	}
	if _, err := Verify([]string{filepath.Join(dir, "none")}, Expect{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A log that is closed and opened, anywhere, carries one chain on.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	o := options()
	o.FileBytes = 700
	for i := range 30 {
		l := open(t, dir, o)
		if want := uint64(i * 2); l.Head().Seq != want {
			t.Fatalf("head %v, want %d", l.Head(), want)
		}
		add(t, l, Drain("a", i), Drain("b", i))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Verify([]string{dir}, Expect{}); err != nil || got.Records != 60 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	o := options()
	o.FileBytes, o.Files = 500, 3
	l := open(t, dir, o)
	for i := range 100 {
		add(t, l, Drain("x", i))
	}
	files, err := list(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	got, err := Verify([]string{dir}, Expect{Head: l.Head()})
	if err != nil || got.First != seqOf(files[0]) {
		t.Errorf("%+v, %v", got, err)
	}
	// One file less than the trail says is not what the executor did.
	if _, err := Verify(files[1:], Expect{}); !errors.Is(err, ErrTampered) {
		t.Errorf("without the oldest: %v", err)
	}
}

// What a process that died left of its last record goes; all others stay.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	add(t, l, everyKind()...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, nameOf(1))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndexByte(strings.TrimSuffix(string(whole), "\n"), '\n') + 1
	for cut := last; cut < len(whole); cut += 17 {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Verify([]string{dir}, Expect{}); err != nil || got.Torn != int64(cut-last) {
			t.Errorf("cut at %d: %+v, %v", cut, got, err)
		}
		l := open(t, dir, options())
		if l.Head().Seq != 10 || len(l.Findings()) > 0 {
			t.Errorf("cut at %d: head %v, %v", cut, l.Head(), l.Findings())
		}
		add(t, l, Drain("again", 0))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := Verify([]string{dir}, Expect{}); err != nil || got.Records != 11 || got.Torn != 0 {
			t.Errorf("cut at %d: %+v, %v", cut, got, err)
		}
	}
}

// A crash between making a file and writing to it.
func TestEmptyNewestFile(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	add(t, l, everyKind()...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{12, 40} {
		if err := os.WriteFile(filepath.Join(dir, nameOf(seq)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, dir, options())
	add(t, l, Drain("x", 0))
	if l.Head().Seq != 40 {
		// 40 is what the name of the newest file claims: the trail shows the gap.
		t.Errorf("head %v", l.Head())
	}
	if err := os.Remove(filepath.Join(dir, nameOf(40))); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, options())
	add(t, l, Drain("x", 0))
	if got, err := Verify([]string{dir}, Expect{Head: l.Head()}); err != nil || got.Records != 12 {
		t.Errorf("%+v, %v", got, err)
	}
}

// An executor whose trail was tampered with goes on, in a file of its own, and
// the damage stays visible.
func TestTamperedNewestFile(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	add(t, l, everyKind()...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, nameOf(1))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(text), "urn:li:corpuser:jane", "urn:li:corpuser:john", 1)
	if err := os.WriteFile(name, []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, options())
	if len(l.Findings()) != 1 || l.Findings()[0].Line != 4 {
		t.Errorf("findings %v", l.Findings())
	}
	add(t, l, Recovery(Recovered{Reason: "the audit trail was tampered with"}))
	if got, _ := os.ReadFile(name); string(got) != forged {
		t.Error("the evidence was changed")
	}
	got, err := Verify([]string{dir}, Expect{Head: l.Head()})
	if !errors.Is(err, ErrTampered) || len(got.Findings) != 1 || got.Records != 12 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	if _, err := Open(dir, options()); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(Drain("x", 0)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	open(t, dir, options())
}

// A writer that was killed may leave its lock to a child for a moment.
func TestWriterThatIsOnTheWayOut(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	time.AfterFunc(100*time.Millisecond, func() { _ = l.Close() })
	next, err := Open(dir, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

func TestHead(t *testing.T) {
	head := Head{12, strings.Repeat("0af", 21) + "1"}
	if got, err := ParseHead(head.String()); err != nil || got != head {
		t.Error(got, err)
	}
	if got, err := ParseHead(""); err != nil || got != (Head{}) {
		t.Error(got, err)
	}
	for _, text := range []string{"12", "0:" + head.Hash, "-1:" + head.Hash, "12:" + head.Hash[1:], "12:" + strings.ToUpper(head.Hash), "x:" + head.Hash, "12:" + head.Hash[1:] + "g"} {
		if got, err := ParseHead(text); !errors.Is(err, ErrHead) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// Whatever somebody puts into a request, its record is one bounded line of
// UTF-8, and the trail holds.
func TestHostileTexts(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, options())
	long := strings.Repeat("ä\x00\n", MaxText)
	names := map[string]string{}
	facts := map[string]string{}
	var rules []string
	for i := range 2 * MaxNames {
		names[fmt.Sprint(i, long)] = long
		facts[fmt.Sprint(i, long)] = long
		rules = append(rules, long)
	}
	hostile := Subject{Run: "a\nb\xff\"}", Actor: long}
	add(t, l, SecretResolved(hostile, names), TaskRefused(hostile, rules, long), TaskEnded(hostile, long, long, 0, facts),
		TaskStarted(hostile, Child{long, long, rules}))
	if got, err := Verify([]string{dir}, Expect{Head: l.Head()}); err != nil || got.Records != 4 {
		t.Errorf("%+v, %v", got, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, nameOf(1)))
	if err != nil || !utf8.Valid(text) || strings.Count(string(text), "\n") != 4 {
		t.Error("not four lines of UTF-8", err)
	}
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) || len(line) > maxLine {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
