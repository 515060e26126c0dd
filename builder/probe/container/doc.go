// Package container runs programs inside of an image that nobody trusts: it
// unpacks the image once, and starts each program with runc in a root
// filesystem of its own, whose changes vanish with it.
//
//	Open ─► root filesystem, user, Python interpreters
//	Run  ─► private mounts and network ─► overlay ─► runc ─► Outcome
//
// It needs root, runc and Linux; Missing says what this machine lacks. Where
// programs are run elsewhere, Look unpacks the image for its lookups alone.
package container
