package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/sandbox"
)

// all requires every control that the tests' kernel is expected to have.
func all() sandbox.Policy {
	modes := map[sandbox.Control]sandbox.Mode{}
	for _, c := range sandbox.Controls() {
		modes[c] = sandbox.Require
	}
	modes[sandbox.MDWE] = sandbox.Off
	return sandbox.Policy{Modes: modes}
}

// landlocked is all, on a kernel that has the version that is needed.
func landlocked(t *testing.T, abi int) sandbox.Policy {
	t.Helper()
	if got := shell(t, sandbox.Policy{}, ":").Report.LandlockABI; got < abi {
		lacks(t, fmt.Sprintf("the kernel has ABI %d of Landlock, the test needs %d", got, abi))
	}
	return all()
}

func TestProcessIsUnderEveryControl(t *testing.T) {
	leaked, err := os.Open(os.DevNull) // above 2, and not closed on exec
	if err != nil {
		t.Fatal(err)
	}
	defer leaked.Close()
	p := landlocked(t, 1)
	p.FileSize, p.OpenFiles = 1<<20, 77
	shown, capabilities := "CapEff", "CapEff:\t0000000000000000\n"
	if os.Geteuid() == 0 { // nobody else has a say in the bounding set
		shown, capabilities = "CapEff|CapBnd", capabilities+"CapBnd:\t0000000000000000\n"
	}
	got := shell(t, p, "SHOWN='"+shown+`'; ls /proc/self/fd | tr '\n' ' '; umask; ulimit -c; ulimit -n; ulimit -f
		grep -E '^('$SHOWN'|NoNewPrivs|Seccomp):' /proc/self/status; grep "file locks" /proc/self/limits; cat /proc/self/comm`)
	want := "0 1 2 3 0077\n0\n77\n2048\n" + capabilities + "NoNewPrivs:\t1\nSeccomp:\t2\nMax file locks            700000               700000               locks     \ncat"
	if diff := cmp.Diff(want, got.Output); diff != "" { // 3 is ls's own
		t.Errorf("state of the process (-want +got):\n%s", diff)
	}
}

func TestReportSaysWhatWasObtained(t *testing.T) {
	got := shell(t, landlocked(t, 6), "exit 3")
	abi := got.Report.LandlockABI
	want := sandbox.Report{LandlockABI: abi, Controls: []sandbox.Outcome{
		{Control: sandbox.Descriptors, Mode: sandbox.Require, State: sandbox.Obtained},
		{Control: sandbox.Umask, Mode: sandbox.Require, State: sandbox.Obtained, Detail: "077"},
		{Control: sandbox.Limits, Mode: sandbox.Require, State: sandbox.Obtained, Detail: "core=0 nofile=4096"},
		{Control: sandbox.Lineage, Mode: sandbox.Require, State: sandbox.Obtained},
		{Control: sandbox.NoNewPrivs, Mode: sandbox.Require, State: sandbox.Obtained},
		{Control: sandbox.MDWE, Mode: sandbox.Off, State: sandbox.Skipped},
		{Control: sandbox.Landlock, Mode: sandbox.Require, State: sandbox.Obtained, Detail: fmt.Sprintf("ABI %d", abi)},
		{Control: sandbox.Seccomp, Mode: sandbox.Require, State: sandbox.Obtained},
		{Control: sandbox.Capabilities, Mode: sandbox.Require, State: sandbox.Obtained},
	}}
	if os.Geteuid() != 0 {
		want.Controls[len(want.Controls)-1].Detail = "the bounding set stays: not root"
	}
	if diff := cmp.Diff(want, got.Report); diff != "" || got.Code != 3 {
		t.Errorf("code %d; report (-want +got):\n%s", got.Code, diff)
	}
}

func TestOnlyTheOwnDirectoryAndOutputsAreWritten(t *testing.T) {
	outside, output := t.TempDir(), t.TempDir()
	p := landlocked(t, 3)
	p.Write = []string{output}
	existing := filepath.Join(outside, "existing")
	if err := os.WriteFile(existing, []byte("kept"), 0o666); err != nil {
		t.Fatal(err)
	}
	got := shell(t, p, fmt.Sprintf(`
		echo a >inside && mkdir d && mv inside d/moved && ln -s moved d/link && rm -r d && echo own-directory
		echo a >%[1]s/report && echo output
		echo a >/dev/null && echo null
		exec 2>/dev/null
		echo a >%[2]s/new || echo no-create
		echo a >>%[2]s/existing || echo no-append
		truncate -s 0 %[2]s/existing || echo no-truncate
		rm -f %[2]s/existing || echo no-remove
		cp /bin/true %[1]s/program && chmod +x %[1]s/program; %[1]s/program || echo no-execute
		cat %[2]s/existing`, output, outside))
	want := "own-directory\noutput\nnull\nno-create\nno-append\nno-truncate\nno-remove\nno-execute\nkept"
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("what was possible (-want +got):\n%s", diff)
	}
}

func TestReadingIsLimitedToWhatIsShown(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"open/file", "secrets/token"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("secrets", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("cd %s; cat open/file; cat secrets/token; (echo x >secrets/written); ls secrets", dir)
	for _, tc := range []struct {
		name   string
		change func(*sandbox.Policy)
		want   []string
	}{
		{"everything", func(*sandbox.Policy) {}, []string{"open/file", "secrets/token", "token"}},
		{"hidden", func(p *sandbox.Policy) { p.Hide = []string{filepath.Join(dir, "secrets")} }, []string{"open/file"}},
		{"hidden by its link", func(p *sandbox.Policy) { p.Hide = []string{filepath.Join(dir, "link")} }, []string{"open/file"}},
		{"shown in what is hidden", func(p *sandbox.Policy) {
			p.Hide, p.Show = []string{dir}, []string{filepath.Join(dir, "secrets")}
		}, []string{"secrets/token", "token"}},
		{"only some", func(p *sandbox.Policy) { p.Read = []string{filepath.Join(dir, "open")} }, []string{"open/file"}},
		{"nothing", func(p *sandbox.Policy) { p.Read = []string{} }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := landlocked(t, 1)
			tc.change(&p)
			var got []string
			for line := range strings.Lines(shell(t, p, script).Output) {
				if !strings.Contains(line, "Permission denied") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("what was read (-want +got):\n%s", diff)
			}
		})
	}
}

// What is hidden before it exists stays hidden, by whichever name.
func TestRulesetMadeAhead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	p := landlocked(t, 1)
	p.Hide = []string{filepath.Join(dir, "link", "later", "runs")}
	p.Ruleset = sandbox.NewRuleset(&p)
	own := filepath.Join(dir, "real", "later", "runs", "own")
	for name, text := range map[string]string{own: "own", filepath.Join(filepath.Dir(own), "other"): "other"} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(name, "file"), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.Write = []string{own}
	got := shell(t, p, fmt.Sprintf("cd %s/link/later/runs; cat own/file; cat other/file 2>&-; echo >own/new; ls own", dir))
	if diff := cmp.Diff("own\nfile\nnew", strings.TrimSpace(got.Output)); diff != "" {
		t.Errorf("what was possible (-want +got):\n%s", diff)
	}
}

// TestExecutorIsOutOfReach has a child try what would read the executor's
// secrets or end it. This test process is the executor.
func TestExecutorIsOutOfReach(t *testing.T) {
	p := landlocked(t, 6)
	got := python(t, p, `
import os, signal, socket, sys
def attempt(name, f):
    try: f(); print(name, "DONE")
    except OSError as e: print(name, e.strerror)
pid = os.getppid()
for name in ("environ", "mem", "maps"):
    attempt(name, lambda: open(f"/proc/{pid}/{name}", "rb").read(1))
attempt("fd", lambda: os.readlink(f"/proc/{pid}/fd/0"))
attempt("kill", lambda: os.kill(pid, 0))
attempt("kill itself", lambda: os.kill(os.getpid(), 0))
`)
	want := "environ Permission denied\nmem Permission denied\nmaps Permission denied\nfd Permission denied\nkill Operation not permitted\nkill itself DONE"
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("what was possible (-want +got):\n%s", diff)
	}
}

func TestCallsAreDenied(t *testing.T) {
	const script = `
import ctypes, os, socket, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(name, f, *args):
    ctypes.set_errno(0)
    r = f(*args)
    print(name, "DONE" if r >= 0 else os.strerror(ctypes.get_errno()))
call("memfd_create", libc.memfd_create, b"x", 0)
call("ptrace", libc.ptrace, 0, 0, 0, 0)
call("unshare", libc.unshare, 0x10000000)
call("mount", libc.mount, b"none", b"/mnt", b"tmpfs", 0, 0)
call("process_vm_readv", libc.process_vm_readv, os.getppid(), 0, 0, 0, 0, 0)
call("personality", libc.personality, 0x0400000)
class bound(ctypes.Structure): _fields_ = [("a", ctypes.c_ulong), ("b", ctypes.c_ulong)]
call("mark", libc.setrlimit, 10, ctypes.byref(bound(1, 1)))
call("other limit", libc.setrlimit, 4, ctypes.byref(bound(0, 0)))
for family in (socket.AF_ALG, socket.AF_INET, socket.AF_UNIX):
    try: socket.socket(family, socket.SOCK_SEQPACKET if family == socket.AF_ALG else socket.SOCK_STREAM); print(family.name, "DONE")
    except OSError as e: print(family.name, e.strerror)
t = threading.Thread(target=print, args=("thread DONE",)); t.start(); t.join()
print(subprocess.run(["/bin/echo", "subprocess DONE"], capture_output=True, text=True).stdout, end="")
`
	got := python(t, all(), script)
	want := `memfd_create Operation not permitted
ptrace Operation not permitted
unshare Operation not permitted
mount Operation not permitted
process_vm_readv Operation not permitted
personality Operation not permitted
mark Operation not permitted
other limit DONE
AF_ALG Address family not supported by protocol
AF_INET DONE
AF_UNIX DONE
thread DONE
subprocess DONE`
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("what was possible (-want +got):\n%s", diff)
	}
	p := all()
	p.AllowMemfd = true
	if got := python(t, p, "import os; os.memfd_create('x'); print('DONE')"); got.Output != "DONE" {
		t.Errorf("memfd_create where it is allowed: %+v", got)
	}
}

func TestPythonWorksUnderEveryControl(t *testing.T) {
	const script = `
import ssl, sqlite3, ctypes, multiprocessing, tempfile, subprocess, threading, socket, concurrent.futures, json
ssl.create_default_context()
db = sqlite3.connect("own.db"); db.execute("create table t (a)"); db.commit()
with tempfile.NamedTemporaryFile() as f: f.write(b"x")
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n: n + 1)
with concurrent.futures.ThreadPoolExecutor(4) as pool: numbers = list(pool.map(callback, range(3)))
subprocess.run(["/bin/true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
a, b = multiprocessing.Pipe()
p = multiprocessing.Process(target=b.send, args=(7,)); p.start(); p.join()
try: socket.getaddrinfo("localhost", 80)
except socket.gaierror: pass
print(json.dumps([numbers, a.recv()]))
`
	p := all()
	p.Modes[sandbox.MDWE] = sandbox.Prefer
	if got := python(t, p, script); got.Code != 0 || got.Output != "[[1, 2, 3], 7]" {
		t.Errorf("python: %+v", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	for name, change := range map[string]func(*sandbox.Policy){
		"address space": func(p *sandbox.Policy) { p.AddressSpace = 64 << 20 },
		"data":          func(p *sandbox.Policy) { p.Data = 64 << 20 },
	} {
		t.Run(name, func(t *testing.T) {
			p := all()
			p.Processes = 1 << 20
			change(&p)
			got := python(t, p, "print('started', flush=True)\nbytearray(256 << 20)")
			if !strings.HasPrefix(got.Output, "started\n") || !strings.HasSuffix(got.Output, "MemoryError") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestKernelWithoutControls(t *testing.T) {
	for kernel := range oldKernels {
		for mode, want := range map[sandbox.Mode]string{sandbox.Prefer: "0 1 2 3", sandbox.Require: ""} {
			t.Run(kernel+" "+string(mode), func(t *testing.T) {
				var said bytes.Buffer
				cmd := exec.Command("/proc/self/exe", kernel, string(mode), "/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' '")
				cmd.Stderr = &said
				output, err := cmd.Output()
				if got := strings.TrimSpace(string(output)); got != want || (err == nil) != (mode == sandbox.Prefer) {
					t.Errorf("%v: %q, want %q", err, got, want)
				}
				var report sandbox.Report
				if err := json.Unmarshal(said.Bytes(), &report); err != nil {
					t.Fatalf("%v: %s", err, &said)
				}
				if report.State(sandbox.Landlock) != sandbox.Missing || report.State(sandbox.Descriptors) != sandbox.Obtained || report.State(sandbox.Seccomp) != sandbox.Obtained {
					t.Errorf("report %+v", report)
				}
			})
		}
	}
	t.Run("newer than there is", func(t *testing.T) {
		p := all()
		p.LandlockABI = 1000
		if got := shell(t, p, "echo ran"); got.Err == nil || got.Output != "" || got.Report.State(sandbox.Landlock) != sandbox.Missing {
			t.Errorf("got %+v", got)
		}
	})
}

func TestControlsCanBeOff(t *testing.T) {
	off := map[sandbox.Control]sandbox.Mode{}
	for _, c := range sandbox.Controls() {
		off[c] = sandbox.Off
	}
	got := shell(t, sandbox.Policy{Modes: off}, "[ -e /proc/self/fd/3 ] || [ -e /proc/self/fd/4 ] || echo closed; grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status")
	if want := "closed\nNoNewPrivs:\t0\nSeccomp:\t0"; got.Output != want { // the executor's own are closed anyway
		t.Errorf("output %q, want %q", got.Output, want)
	}
	for _, outcome := range got.Report.Controls {
		if outcome.State != sandbox.Skipped {
			t.Errorf("outcome %+v", outcome)
		}
	}
}

func TestWritableMemoryNeverBecomesExecutable(t *testing.T) {
	const script = "import mmap; mmap.mmap(-1, 4096, prot=7); print('DONE')"
	p := all()
	if got := python(t, p, script); got.Output != "DONE" {
		t.Errorf("without MDWE: %+v", got)
	}
	p.Modes[sandbox.MDWE] = sandbox.Require
	if got := python(t, p, script); !strings.HasSuffix(got.Output, "Permission denied") {
		t.Errorf("with MDWE: %+v", got)
	}
	// It would bind this process, too, if the child were lent the memory.
	if err := becomesExecutable(); err != nil {
		t.Errorf("the executor's own memory: %v", err)
	}
}

// A process that has MDWE itself need not put it on its children.
func TestBoundExecutor(t *testing.T) {
	var said bytes.Buffer
	cmd := exec.Command("/proc/self/exe", "bound", interpreter(t), "-I", "-c", "import mmap; mmap.mmap(-1, 4096, prot=7); print('DONE')")
	cmd.Stderr = &said
	output, err := cmd.Output()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(output)), "Permission denied") {
		t.Errorf("%v: %s\n%s", err, output, &said)
	}
	var report sandbox.Report
	if err := json.Unmarshal(said.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	inherited := sandbox.Outcome{Control: sandbox.MDWE, Mode: sandbox.Require, State: sandbox.Obtained, Detail: "inherited"}
	if !slices.Contains(report.Controls, inherited) {
		t.Errorf("the report says %+v", report.Controls)
	}
}

func TestNothingStartsFromABadRequest(t *testing.T) {
	for name, tc := range map[string]struct {
		policy sandbox.Policy
		argv   string
		says   string
	}{
		"no program":        {sandbox.Policy{}, "/nonexistent", "/nonexistent"},
		"not executable":    {sandbox.Policy{}, "/etc/passwd", "permission denied"},
		"relative program":  {sandbox.Policy{}, "sh", "absolute"},
		"with a NUL":        {sandbox.Policy{}, "/bin/true\x00", "NUL"},
		"no such directory": {sandbox.Policy{Write: []string{"/nonexistent"}}, "/bin/true", "not a directory"},
		"output is a file":  {sandbox.Policy{Write: []string{"/etc/passwd"}}, "/bin/true", "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, tc.policy, tc.argv); got.Err == nil || !strings.Contains(got.Err.Error(), tc.says) {
				t.Errorf("got %+v; want a word about %q", got, tc.says)
			}
		})
	}
}

// TestStartsAtOnce has many goroutines fork while others make garbage.
func TestStartsAtOnce(t *testing.T) {
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			for j := range 8 {
				want := fmt.Sprint(i, " ", j)
				if got := shell(t, all(), "echo "+want); got.Err != nil || got.Output != want {
					t.Errorf("got %+v, want %q", got, want)
				}
				runtime.GC()
			}
		})
	}
	wait.Wait()
}
