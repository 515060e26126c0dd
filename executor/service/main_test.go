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

// TestMain is the tests' own, or `executor` with the command that follows.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asExecutor {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := executor.Run(ctx, executor.Process{Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
		stop()
		os.Exit(code)
	}
	os.Exit(kafkatest.Main(m))
}

const asExecutor = "executor"
