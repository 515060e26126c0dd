package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/sandbox"
)

// The trampoline starts for every run: what else the program can do must not
// be initialised for it.
func TestTheTrampolineInitialisesLittle(t *testing.T) {
	program := filepath.Join(t.TempDir(), "executor")
	if output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	cmd := exec.Command(program, sandbox.Subcommand)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	output, _ := cmd.CombinedOutput() // it refuses to be called by hand
	trace := string(output)
	if !strings.Contains(trace, "init runtime @") || !strings.Contains(trace, sandbox.Subcommand) {
		t.Fatalf("no trace of a trampoline: %s", trace)
	}
	for _, heavy := range []string{"net/http", "github.com/aws/aws-sdk-go-v2/service/secretsmanager", "google.golang.org/grpc", "github.com/lockforge/lockforge/executor/config"} {
		if strings.Contains(trace, "init "+heavy+" @") {
			t.Errorf("%s is initialised before the trampoline", heavy)
		}
	}
}
