package sandbox

import "golang.org/x/sys/unix"

// denied are the system calls that end with EPERM. They reach into other
// processes, change the machine, or offer much kernel for no use of a
// connector. unshare and setns make or enter namespaces; clone does so by
// flags, which the filter looks at.
var denied = []uint32{
	// Other processes.
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE,
	unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	// Mounts and namespaces.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
	unix.SYS_OPEN_TREE_ATTR, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	// The machine.
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_REBOOT, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME,
	unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_PERSONALITY,
	// Much kernel, no use.
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_MEMFD_SECRET,
}

// families are the sockets that may be made: local ones, IP, and netlink,
// which getaddrinfo uses. Every other family ends with EAFNOSUPPORT.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

const (
	// namespaceFlags are the flags of clone that make namespaces.
	namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

	// Offsets into struct seccomp_data. Both machines are little-endian, so
	// the low half of an argument comes first.
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16
	offsetArg1   = 24

	errnoPerm     = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	errnoNoSystem = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	errnoFamily   = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func answer(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }

// ifEqual and ifAnyBit compare the loaded word with k and skip as many
// instructions as the answer says.
func ifEqual(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func ifAnyBit(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

// filter assembles the program for the machine it was compiled for.
func filter(allowMemfd bool) []unix.SockFilter {
	program := []unix.SockFilter{
		// The numbers below mean other calls in another calling convention,
		// such as 32-bit code on a 64-bit machine.
		load(offsetArch), ifEqual(machine, 1, 0), answer(errnoPerm),
		load(offsetNumber),
	}
	program = append(program, conventions...)
	numbers := append([]uint32{}, denied...)
	numbers = append(numbers, deniedHere...)
	if !allowMemfd {
		numbers = append(numbers, unix.SYS_MEMFD_CREATE)
	}
	for _, number := range numbers {
		program = append(program, ifEqual(number, 0, 1), answer(errnoPerm))
	}
	// clone3 has its flags in memory, where a filter can't look; the C
	// library falls back to clone when there is no clone3.
	program = append(program, ifEqual(unix.SYS_CLONE3, 0, 1), answer(errnoNoSystem))
	program = append(program,
		ifEqual(unix.SYS_CLONE, 0, 4),
		load(offsetArg0), ifAnyBit(namespaceFlags, 0, 1), answer(errnoPerm), answer(unix.SECCOMP_RET_ALLOW))
	// Typing into the terminal of another process.
	program = append(program,
		ifEqual(unix.SYS_IOCTL, 0, 5),
		load(offsetArg1), ifEqual(unix.TIOCSTI, 1, 0), ifEqual(unix.TIOCLINUX, 0, 1), answer(errnoPerm), answer(unix.SECCOMP_RET_ALLOW))
	// Taking off the mark of the lineage.
	for _, set := range []struct{ call, resource uint32 }{{unix.SYS_PRLIMIT64, offsetArg1}, {unix.SYS_SETRLIMIT, offsetArg0}} {
		program = append(program,
			ifEqual(set.call, 0, 4),
			load(set.resource), ifEqual(unix.RLIMIT_LOCKS, 0, 1), answer(errnoPerm), answer(unix.SECCOMP_RET_ALLOW))
	}
	return append(append(program, sockets()...), answer(unix.SECCOMP_RET_ALLOW))
}

// sockets is the part about the family of a socket.
func sockets() []unix.SockFilter {
	n := uint8(len(families))
	program := []unix.SockFilter{
		ifEqual(unix.SYS_SOCKET, 2, 0), ifEqual(unix.SYS_SOCKETPAIR, 1, 0),
		answer(unix.SECCOMP_RET_ALLOW), load(offsetArg0),
	}
	for i, family := range families {
		program = append(program, ifEqual(family, n-uint8(i), 0))
	}
	return append(program, answer(errnoFamily))
}

// seccomp needs no_new_privs or CAP_SYS_ADMIN.
func (p *Plan) seccomp() (string, error) {
	program := filter(p.policy.AllowMemfd)
	p.add("installing the filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0,
		pointer(p, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}))
	if p.policy.AllowMemfd {
		return "memfd_create allowed", nil
	}
	return "", nil
}
