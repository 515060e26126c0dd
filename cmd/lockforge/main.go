// Command lockforge turns a list of DataHub plugins into a locked, signed image.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lockforge/lockforge/cmd/lockforge/cli"
)

func main() {
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
