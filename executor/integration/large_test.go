package integration_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// TestLargeRecipes gives `executor run` recipes that nobody wrote, of 100 MiB,
// and less memory than they have.
func TestLargeRecipes(t *testing.T) {
	p := makePlace(t)
	const memory = 64 << 20
	for name, part := range map[string]string{
		"small": "", "brackets": "[", "keys": `{"a":`, "lines": "a\n", "one text": "x", "aliases": "&a [*a]\n", "nothing": "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "recipe")
			must(t, os.WriteFile(file, bytes.Repeat([]byte(part), 100<<20/max(1, len(part))), 0o600))
			testenv.Quick(t, 100*time.Millisecond, func() {
				cmd := exec.Command(program(t), "run", "--plugin", "mysql", "--config", file)
				cmd.Env = p.env
				testenv.LimitMemory(t, cmd, memory)
				out, _ := cmd.CombinedOutput() // the code says it
				if code := cmd.ProcessState.ExitCode(); code != 2 || !bytes.HasPrefix(out, []byte("error: ")) || len(out) > 10<<10 {
					t.Errorf("code %d, %d bytes of output: %.1000s", code, len(out), out)
				}
			})
		})
	}
}

// TestLargeRequests has the server bring such recipes, larger than it would
// take. They are refused with the reason; one that has no place in any answer
// stays where it is, and holds up nobody.
func TestLargeRequests(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	p.request("before", act{})
	p.ends("before", "SUCCESS")
	before := e.peak()
	for id, mib := range map[string]int{"large": 17, "larger": 40, "largest": 100} {
		p.gms.AddRequest(id, recipeOf(`{"source": {"type": "mysql", "config": {"x": "`+strings.Repeat("x", mib<<20)+`"}}}`))
	}
	p.request("beside", act{})
	p.ends("beside", "SUCCESS")
	for _, id := range []string{"large", "larger"} {
		if r := p.ends(id, "FAILURE"); !strings.Contains(r.Report, "the limit is 16777216") {
			t.Errorf("%s: the report does not say why:\n%.1000s", id, r.Report)
		}
	}
	p.eventually(endLimit, "word of the largest request", func() bool { return strings.Contains(e.said.String(), `"run":"largest"`) })
	grown := e.peak() - before
	t.Logf("the executor has grown by %d MiB", grown>>20)
	if grown > 384<<20 {
		t.Error("that is more than some answers of 64 MiB")
	}
	e.drain()
	p.settled("before", "large", "larger", "beside")
	if _, there := p.gms.Result("largest"); there || len(p.started("largest")) > 0 {
		t.Error("a request that cannot be read was run")
	}
}
