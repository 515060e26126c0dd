// Package sandbox starts a program under the controls that the kernel offers.
//
// The program that imports it executes itself again with the hidden
// subcommand [Subcommand] (the trampoline). That process reads what to do from
// an inherited descriptor, applies every control to itself, reports what it
// obtained over a second descriptor, and only then executes the interpreter:
//
//	Wrap ─► exec /proc/self/exe __child ─► Main ─► controls ─► report ─► execve
//
// The subcommand has to reach [Main]:
//
//	if len(os.Args) > 1 && os.Args[1] == sandbox.Subcommand {
//		os.Exit(sandbox.Main(os.Args[2:]))
//	}
//
// What is not stopped: a program in a readable directory that is started
// through the dynamic loader or mapped by dlopen, Python source imported from
// the working directory, and any use of the network. The first needs a noexec
// mount, the last a network policy.
package sandbox
