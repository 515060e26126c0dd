// Package sandbox starts a program under the controls that the kernel offers.
//
// Everything that can be known is prepared by the executor itself: which
// controls the kernel has, the Landlock ruleset, the seccomp filter, the
// bounds. What has to happen in the new process is a list of system calls,
// which it carries out between fork and execve, and which ends with execve:
//
//	Prepare ─► Plan: controls become system calls ─► Start: fork ─► the child makes them ─► execve
//	                                                   ▲                     │
//	                                                   └ which of them failed ┘
//
// So no program runs, not even for a moment, without the controls, and none is
// started just to apply them: see docs/decisions/006-controls-between-fork-and-execve.md.
//
// What is not stopped: a program in a readable directory that is started
// through the dynamic loader or mapped by dlopen, Python source imported from
// the working directory, and any use of the network. The first needs a noexec
// mount, the last a network policy.
package sandbox
