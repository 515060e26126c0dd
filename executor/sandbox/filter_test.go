package sandbox

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// simulate runs a filter on one system call, as the kernel would.
func simulate(t *testing.T, program []unix.SockFilter, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	data := binary.LittleEndian.AppendUint32(nil, number)
	data = binary.LittleEndian.AppendUint32(data, arch)
	data = binary.LittleEndian.AppendUint64(data, 0)
	for _, arg := range append(args, make([]uint64, 6-len(args))...) {
		data = binary.LittleEndian.AppendUint64(data, arg)
	}
	var word uint32
	for pc := 0; pc < len(program); pc++ {
		i := program[pc]
		holds := false
		switch i.Code {
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			word = binary.LittleEndian.Uint32(data[i.K:])
			continue
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			holds = word == i.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			holds = word&i.K != 0
		default:
			t.Fatalf("instruction %d: unknown code %#x", pc, i.Code)
		}
		if holds {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
	t.Fatal("the program ended without an answer")
	return 0
}

func TestFilterAnswers(t *testing.T) {
	const allow = unix.SECCOMP_RET_ALLOW
	threadFlags := uint64(unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD)
	for _, tc := range []struct {
		name   string
		number uint32
		args   []uint64
		want   uint32
	}{
		{"read", unix.SYS_READ, nil, allow},
		{"execve", unix.SYS_EXECVE, nil, allow},
		{"fork", unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, allow},
		{"thread", unix.SYS_CLONE, []uint64{threadFlags}, allow},
		{"user namespace", unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, errnoPerm},
		{"network namespace", unix.SYS_CLONE, []uint64{unix.CLONE_NEWNET}, errnoPerm},
		{"clone3", unix.SYS_CLONE3, nil, errnoNoSystem},
		{"terminal size", unix.SYS_IOCTL, []uint64{0, unix.TIOCGWINSZ}, allow},
		{"typing for another", unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, errnoPerm},
		{"typing, high bits set", unix.SYS_IOCTL, []uint64{0, 1<<32 | unix.TIOCSTI}, errnoPerm},
		{"console", unix.SYS_IOCTL, []uint64{0, unix.TIOCLINUX}, errnoPerm},
		{"own limit", unix.SYS_PRLIMIT64, []uint64{0, unix.RLIMIT_NOFILE}, allow},
		{"mark", unix.SYS_PRLIMIT64, []uint64{0, unix.RLIMIT_LOCKS}, errnoPerm},
		{"mark by the old call", unix.SYS_SETRLIMIT, []uint64{unix.RLIMIT_LOCKS}, errnoPerm},
		{"limit by the old call", unix.SYS_SETRLIMIT, []uint64{unix.RLIMIT_CORE}, allow},
		{"IP socket", unix.SYS_SOCKET, []uint64{unix.AF_INET6}, allow},
		{"netlink socket", unix.SYS_SOCKET, []uint64{unix.AF_NETLINK}, allow},
		{"local pair", unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX}, allow},
		{"crypto socket", unix.SYS_SOCKET, []uint64{unix.AF_ALG}, errnoFamily},
		{"packet socket", unix.SYS_SOCKET, []uint64{unix.AF_PACKET}, errnoFamily},
		{"host pair", unix.SYS_SOCKETPAIR, []uint64{unix.AF_VSOCK}, errnoFamily},
		{"memfd", unix.SYS_MEMFD_CREATE, nil, errnoPerm},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := simulate(t, filter(false), machine, tc.number, tc.args...); got != tc.want {
				t.Errorf("answer %#x, want %#x", got, tc.want)
			}
		})
	}
	for _, number := range slices.Concat(denied, deniedHere) {
		if got := simulate(t, filter(true), machine, number); got != errnoPerm {
			t.Errorf("call %d: answer %#x", number, got)
		}
	}
	if got := simulate(t, filter(true), machine, unix.SYS_MEMFD_CREATE); got != allow {
		t.Errorf("memfd where it is allowed: %#x", got)
	}
	for _, arch := range []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, 0} {
		if got := simulate(t, filter(true), arch, unix.SYS_READ); got != errnoPerm {
			t.Errorf("a call of machine %#x: %#x", arch, got)
		}
	}
}

func TestRightsGrowWithTheVersion(t *testing.T) {
	all, scope, lacks := rights(7)
	if all != allRights || scope != scopes || len(lacks) != 0 {
		t.Errorf("version 7: %#x, %#x, lacks %q", all, scope, lacks)
	}
	for abi, want := range map[int]struct {
		without uint64
		lacks   int
	}{
		1: {unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, 4},
		2: {unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, 3},
		4: {unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, 2},
		5: {0, 1},
	} {
		if got, scope, lacks := rights(abi); got != allRights&^want.without || scope != 0 || len(lacks) != want.lacks {
			t.Errorf("version %d: %#x, %#x, lacks %q", abi, got, scope, lacks)
		}
	}
}
