package wrongclock_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/wrongclock"
)

// says prints the date and how long the program has run, for each line it reads.
const says = `package main

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

func main() {
	start := time.Now()
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		fmt.Println(time.Now().Unix(), time.Since(start).Milliseconds())
	}
}
`

const year = 365 * 24 * time.Hour

// compile returns a program whose clock is off by that much.
func compile(t *testing.T, by time.Duration) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		testenv.Missing(t, "go is not installed")
	}
	dir := t.TempDir()
	overlay, err := wrongclock.Overlay(t.Context(), filepath.Join(dir, "overlay"))
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(dir, "main.go")
	if err := os.WriteFile(main, []byte(says), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "says")
	if out, err := exec.Command("go", "build", "-o", program, overlay, "-ldflags", wrongclock.Linked(by), main).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// asked starts a program and returns how far off it is whenever it is asked,
// and how long it thinks it has run.
func asked(t *testing.T, program string, env ...string) func() (off, ran time.Duration) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env, cmd.Stderr = env, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	return func() (off, ran time.Duration) {
		t.Helper()
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		unix, ms, _ := strings.Cut(strings.TrimSpace(line), " ")
		at, err := strconv.ParseInt(unix, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		lasted, err := strconv.ParseInt(ms, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(time.Unix(at, 0)), time.Duration(lasted) * time.Millisecond
	}
}

func TestClocksAreWrong(t *testing.T) {
	for _, linked := range []time.Duration{0, -year} {
		t.Run(linked.String(), func(t *testing.T) {
			program := compile(t, linked)
			hand, err := wrongclock.NewHand(filepath.Join(t.TempDir(), "hand"))
			if err != nil {
				t.Fatal(err)
			}
			alone, moved := asked(t, program), asked(t, program, hand.Env())
			for _, by := range []time.Duration{0, 400 * 24 * time.Hour, -year, 3 * time.Second} {
				if err := hand.Set(by); err != nil {
					t.Fatal(err)
				}
				for name, clock := range map[string]struct {
					ask  func() (off, ran time.Duration)
					want time.Duration
				}{"linked": {alone, linked}, "linked and moved": {moved, linked + by}} {
					off, ran := clock.ask()
					if (off - clock.want).Abs() > 2*time.Second {
						t.Errorf("%s: the clock is off by %s, want %s", name, off, clock.want)
					}
					if ran < 0 || ran > time.Minute {
						t.Errorf("%s: the monotonic clock jumped: %s", name, ran)
					}
				}
			}
		})
	}
}
