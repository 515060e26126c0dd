package task_test

import (
	"os"
	"testing"

	"github.com/lockforge/lockforge/executor/sandbox"
)

// asExecutor makes the test binary an executor that runs one task.
const asExecutor = "executor"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case sandbox.Subcommand:
			os.Exit(sandbox.Main(os.Args[2:]))
		case asExecutor:
			os.Exit(executorMain(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}
