package service_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/executor"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

// TestMain is the tests' own, or `executor` with the command that follows. It
// is `executor help` too, which `executor check` starts in the sandbox.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asExecutor:
			os.Exit(executorMain(os.Args[1:]))
		case "help":
			os.Exit(executorMain(os.Args))
		}
	}
	os.Exit(kafkatest.Main(m))
}

func executorMain(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return executor.Run(ctx, executor.Process{Args: args, Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}

const asExecutor = "executor"
