// Package integration_test drives `executor serve` as DataHub and an operator
// do: the real program as a process, or as a container of a locked image, with
// requests in and results out, and what can break around it broken.
//
//	requests, KILLs ─► stand-in for GMS ─► Kafka, polling ─► executor ─► CLI
//	                          ▲                                 │
//	                          └────────────── results ──────────┘
//
// The fault tests have a CLI of their own, which is this test program again:
// it does what the recipe says and leaves a line for each of its starts. The
// image's tests have the real one.
package integration_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/executor/internal/awstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

// root is the repository, seen from this package.
const root = "../.."

// scratch is a directory that all tests share, gone when they end.
var scratch string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-I" {
		os.Exit(cliMain(os.Args[2:]))
	}
	code := 1
	dir, err := os.MkdirTemp("", "executor-integration-")
	if err == nil {
		err = moreAtOnce()
	}
	if err == nil {
		scratch = dir
		code = kafkatest.Main(m)
		awstest.Stop()
		err = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

// moreAtOnce runs more tests than there are processors, unless somebody says
// how many: most of them wait most of the time.
func moreAtOnce() error {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if said {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0))))
}

// program is the executor under test: the one beside $LOCKFORGE_PROGRAM, or
// one that is built here.
func program(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	if lockforge := os.Getenv("LOCKFORGE_PROGRAM"); lockforge != "" {
		path := filepath.Join(filepath.Dir(lockforge), "executor")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path := filepath.Join(scratch, "executor")
	return path, compile(path)
})

// compile builds the executor, with more arguments of `go build`.
func compile(path string, more ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, more...), "./cmd/executor")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New("building the executor: " + err.Error() + "\n" + string(out))
	}
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
