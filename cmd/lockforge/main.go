// Command lockforge turns a list of DataHub plugins into a locked, signed image.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/lockforge/lockforge/cmd/lockforge/cli"
)

// gcPercent is half of the usual: the programs that an image gets, tables of its
// files and decompressors make most of a build's memory, and are collected in
// no time beside what the build engine does.
const gcPercent = 50

func main() {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := cli.Run(ctx, cli.Process{
		Args:   os.Args[1:],
		Env:    os.Environ(),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	})
	stop()
	os.Exit(code)
}
