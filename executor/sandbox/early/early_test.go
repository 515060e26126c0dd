package early_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/sandbox"
	_ "github.com/lockforge/lockforge/executor/sandbox/early"
)

// Called by hand, the trampoline says that it is not for that: main, which
// would have run the tests, is not reached.
func TestTheTrampolineComesBeforeMain(t *testing.T) {
	cmd := exec.Command(os.Args[0], sandbox.Subcommand)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != sandbox.ExitNotStarted || !strings.Contains(string(output), sandbox.Subcommand) {
		t.Errorf("%v: %s", err, output)
	}
}
