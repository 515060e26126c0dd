package task_test

import (
	"os"
	"testing"
)

// Names under which the test binary is another program.
const (
	asExecutor     = "executor"      // runs one script as a task
	asBusyExecutor = "busy-executor" // runs many tasks at once
	asNamed        = "named"         // runs one script as a run with an id
	asRemover      = "remover"       // removes a directory
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asExecutor:
			os.Exit(executorMain(os.Args[2]))
		case asNamed:
			os.Exit(namedMain(os.Args[2], os.Args[3]))
		case asRemover:
			os.Exit(removerMain(os.Args[2]))
		case asBusyExecutor:
			os.Exit(busyMain())
		}
	}
	os.Exit(m.Run())
}
