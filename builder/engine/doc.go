// Package engine is the BuildKit that lockforge carries. Start runs the same
// binary again with a hidden subcommand, which calls Serve: a BuildKit daemon
// that listens on a socket only its owner can reach, with no network for build
// steps and no way to fetch anything by itself. One process at a time uses a
// state directory; whatever a killed process leaves there is used or repaired
// by the next one.
package engine
