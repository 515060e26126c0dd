package sandbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Control names one thing that is done to a program before it starts.
type Control string

// The controls, in the order in which they are applied.
const (
	Descriptors Control = "descriptors"  // only 0, 1 and 2 are inherited
	Umask       Control = "umask"        // 077
	Limits      Control = "limits"       // RLIMITs: no core dump, and what Policy says
	Lineage     Control = "lineage"      // every descendant carries a mark that it cannot take off
	NoNewPrivs  Control = "no_new_privs" // set-user-ID programs and file capabilities give nothing
	MDWE        Control = "mdwe"         // no memory that is or was writable becomes executable; breaks JITs
	Landlock    Control = "landlock"     // paths, signals and abstract sockets
	Seccomp     Control = "seccomp"      // system calls that no connector needs
	// Capabilities takes all of them away for good, so that root is a user
	// like any other: it no longer reads files that their mode keeps from it.
	Capabilities Control = "capabilities"
)

// Controls lists every control in the order of application.
func Controls() []Control {
	return []Control{Descriptors, Umask, Limits, Lineage, NoNewPrivs, MDWE, Landlock, Seccomp, Capabilities}
}

// Mode says what is to be done about a control.
type Mode string

// Modes. A control that is not named is preferred, except MDWE, which is off.
const (
	Require Mode = "require" // without it nothing starts
	Prefer  Mode = "prefer"  // applied where the kernel has it
	Off     Mode = "off"     // not tried
)

// Modes returns the modes of all controls for one word about them. MDWE, which
// breaks connectors that compile at run time, is for the caller to add.
func Modes(m Mode) map[Control]Mode {
	modes := map[Control]Mode{}
	for _, control := range Controls() {
		if control != MDWE {
			modes[control] = m
		}
	}
	return modes
}

// Policy says under which controls a program runs. The zero value is useful:
// every control but MDWE is preferred, everything may be read, programs of the
// system may be executed, and only the working directory may be written.
type Policy struct {
	Modes map[Control]Mode

	// Write lists directories that may be written beside the working
	// directory. Each must exist. What is written there can't be executed,
	// unless Exec has it too. Note that multiprocessing's locks need /dev/shm
	// and that a JVM writes to /tmp whatever TMPDIR says.
	Write []string
	// Read lists the only files and directories that may be read, beside
	// those of Exec and Write; nil is everything.
	Read []string
	// Hide takes paths out of Read. Landlock only adds: what appears later in
	// a directory above a hidden path can't be read either.
	Hide []string
	// Show lists directories that may be read, though not written, whatever
	// Read and Hide say. Each must exist.
	Show []string
	// Exec lists what may be executed beside the program itself; nil is the
	// directories of the system and /opt. What does not exist is left out.
	Exec []string
	// Ruleset was made ahead of a start, from a policy with the same Read, Hide
	// and Exec; nil makes it with the start.
	Ruleset *Ruleset

	// LandlockABI is the least version that counts as having Landlock; 0 is 1.
	// Version 2 can rename between directories, 3 controls truncation, 5
	// ioctls of devices, 6 signals and abstract sockets to the outside.
	LandlockABI int
	// AllowMemfd lets the program make anonymous files, from which code can
	// be loaded. Some JVMs and GPU libraries need them.
	AllowMemfd bool

	// AddressSpace and Data bound virtual memory (RLIMIT_AS) and private
	// writable memory (RLIMIT_DATA); 0 is no bound. A JVM reserves far more
	// address space than it uses: give it Data.
	AddressSpace Bytes
	Data         Bytes
	// FileSize bounds every file that is written; 0 is no bound.
	FileSize Bytes
	// OpenFiles bounds descriptors; 0 is 4096.
	OpenFiles uint64
	// Processes bounds the processes and threads of the user, outside of this
	// run too; 0 is no bound. It does not bind root.
	Processes uint64
}

const (
	defaultOpenFiles = 4096
	// leastMemory is less than any interpreter needs to start. A smaller
	// bound is a mistake in the unit, and DataHub's CLI hangs on it.
	leastMemory = 64 << 20
)

// defaultExec is where a locked image and a distribution have their programs.
var defaultExec = []string{"/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt"}

// Mode returns what the policy says about a control.
func (p *Policy) Mode(c Control) Mode {
	if mode, ok := p.Modes[c]; ok {
		return mode
	}
	if c == MDWE {
		return Off
	}
	return Prefer
}

// Validate returns every mistake in the policy, joined.
func (p *Policy) Validate() error {
	var problems []error
	for c, mode := range p.Modes {
		if !slices.Contains(Controls(), c) {
			problems = append(problems, fmt.Errorf("unknown control %q", c))
		}
		if mode != Require && mode != Prefer && mode != Off {
			problems = append(problems, fmt.Errorf("control %s: mode %q is none of require, prefer, off", c, mode))
		}
	}
	for _, path := range slices.Concat(p.Write, p.Read, p.Hide, p.Show, p.Exec) {
		if !filepath.IsAbs(path) {
			problems = append(problems, fmt.Errorf("path %q is not absolute", path))
		}
	}
	for name, bound := range map[string]Bytes{"address space": p.AddressSpace, "data": p.Data} {
		if bound != 0 && bound < leastMemory {
			problems = append(problems, fmt.Errorf("%s of %s is less than the %s that an interpreter needs to start", name, bound, Bytes(leastMemory)))
		}
	}
	if p.LandlockABI < 0 {
		problems = append(problems, fmt.Errorf("landlock ABI %d is negative", p.LandlockABI))
	}
	slices.SortFunc(problems, func(a, b error) int {
		if a.Error() < b.Error() {
			return -1
		}
		return 1
	})
	return errors.Join(problems...)
}
