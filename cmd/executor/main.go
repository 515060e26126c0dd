// Command executor is the runtime inside a locked image.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lockforge/lockforge/executor"
)

func main() {
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
