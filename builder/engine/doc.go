// Package engine is the BuildKit that lockforge carries. Start runs the same
// binary again with a hidden subcommand, which calls Serve: a BuildKit daemon
// that listens on a socket only its owner can reach, with no network for build
// steps and no way to fetch anything by itself. A state directory has one such
// process at a time, which all lockforge processes share that need it: each has
// a lease, a connection that the kernel ends with its owner, and the engine ends
// with the last one. Whatever a killed process leaves there is used or repaired
// by the next one.
package engine
