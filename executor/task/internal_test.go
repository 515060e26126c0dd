package task

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadMemory(t *testing.T) {
	for _, tc := range []struct {
		name, own string
		files     map[string]string
		want      memoryControl
	}{
		{"version 2", "0::/pod\n", map[string]string{
			"pod/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n", "pod/memory.max": "1048576\n",
		}, memoryControl{known: true, kills: 2, limit: 1 << 20}},
		{"version 2 without a limit", "0::/\n", map[string]string{
			"memory.events": "oom_kill 0\n", "memory.max": "max\n",
		}, memoryControl{known: true}},
		{"version 1, path outside of the container", "9:name=systemd:/\n4:memory:/docker/abc\n0::/\n", map[string]string{
			"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", "memory/memory.limit_in_bytes": "2097152\n",
		}, memoryControl{known: true, kills: 7, limit: 2 << 20}},
		{"nothing mounted", "0::/\n", nil, memoryControl{}},
		{"nonsense", "a:b\n\n::\n", nil, memoryControl{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range tc.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := readMemoryAt(root, []byte(tc.own)); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestMemoryIsJudgedByEvidence(t *testing.T) {
	killed := End{Code: 137, Signal: int(syscall.SIGKILL)}
	quiet, counted := memoryControl{known: true, kills: 1, limit: 100 << 20}, memoryControl{known: true, kills: 2, limit: 100 << 20}
	for _, tc := range []struct {
		name  string
		end   End
		after memoryControl
		peak  uint64
		want  Memory
	}{
		{"killed and counted", killed, counted, 1, MemoryOut},
		{"killed near the limit", killed, quiet, 95 << 20, MemoryProbable},
		{"killed far from the limit", killed, quiet, 50 << 20, MemoryPerhaps},
		{"killed, nothing known", killed, memoryControl{}, 95 << 20, MemoryPerhaps},
		{"a grandchild was killed", End{Code: 1}, counted, 1, MemoryProbable},
		{"somebody else was killed", End{}, counted, 1, ""},
		{"another signal", End{Code: 139, Signal: 11}, quiet, 99 << 20, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, evidence := quiet.compare(tc.after, tc.end, tc.peak); got != tc.want || (evidence == "") != (got == "") {
				t.Errorf("got %q (%s), want %q", got, evidence, tc.want)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	const tail = " 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 0 0"
	want := process{pid: 9, parent: 7, session: 42, start: 12345, zombie: true}
	for _, name := range []string{"sh", "a) Z 1 (b", "", "x\ny"} {
		got, err := parseStat([]byte("9 (" + name + ") Z" + tail))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(process{})); diff != "" || err != nil {
			t.Errorf("name %q: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, bad := range []string{"", "9", "9 (sh", ") 9 (", "9 (sh) Z 1", "x (sh) Z" + tail, "9 (sh) Z x" + tail[2:]} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}
