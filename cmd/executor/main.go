// Command executor is the runtime inside a locked image.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lockforge/lockforge/executor"
	"github.com/lockforge/lockforge/executor/sandbox"
)

func main() {
	// Before anything else: this may be the trampoline that becomes a child.
	if len(os.Args) > 1 && os.Args[1] == sandbox.Subcommand {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := executor.Run(ctx, executor.Process{
		Args:   os.Args,
		Env:    os.Environ(),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	})
	stop()
	os.Exit(code)
}
