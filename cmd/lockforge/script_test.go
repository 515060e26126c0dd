package main

import (
	"context"
	"errors"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockforge/lockforge/builder/programs"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// TestMain lets the test binary stand in for lockforge: in a script, the
// command is this very process image under the name of the program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lockforge": main})
}

// TestScripts runs the command line as users do, in an environment of nothing
// but a home folder and an index on the loopback. See testdata/script/README.md
// for the commands that the scripts have on top of testscript's own.
func TestScripts(t *testing.T) {
	m := newMirror(t)
	f := fixtures{mirror: m, image: makeImage(t, "hello\n"), other: makeImage(t, "bye\n")}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setup(env, m.URL) },
		Condition:           condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":     exits,
			"interrupt": m.interrupt,
			"mklock":    f.makeLock,
			"mkimage":   f.copyImage,
			"edit":      edit,
			"flip":      flip,
			"tamper":    tamper,
		},
	})
}

// setup gives a script its environment. Nothing of the user's reaches it: no
// index, no key, no login, and no program but lockforge and the system's.
func setup(env *testscript.Env, mirror string) error {
	for _, dir := range []string{"home", ".cache"} {
		if err := os.Mkdir(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
			return err
		}
	}
	own, err := exec.LookPath("lockforge")
	if err != nil {
		return err
	}
	env.Setenv("PATH", filepath.Dir(own)+":/usr/sbin:/usr/bin:/sbin:/bin")
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
	env.Setenv("UV_NO_CONFIG", "1")
	env.Setenv("PIP_CONFIG_FILE", os.DevNull)
	env.Setenv("MIRROR", mirror)
	env.Setenv("HOST", strings.TrimPrefix(mirror, "http://"))
	env.Setenv("UV_DEFAULT_INDEX", mirror+"/good/simple")
	env.Values[environment{}] = env
	return nil
}

// environment is the key of a script's environment.
type environment struct{}

// condition knows [programs]: the static programs that lockforge carries into
// an image have been compiled into this binary.
func condition(name string) (bool, error) {
	if name != "programs" {
		return false, errors.New("unknown condition " + strconv.Quote(name))
	}
	_, err := programs.Unpack("amd64")
	if err != nil && os.Getenv("REQUIRE_ALL") == "1" {
		return false, errors.New("REQUIRE_ALL=1, but `make programs` was not run")
	}
	return err == nil, nil
}

// exits N COMMAND... runs a command that has to end with exit code N. One that
// ends with another than 0 must leave every file of the script as it was,
// besides the cache, and say why on standard error only.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, args := exitArgs(ts, neg, args)
	before := state(ts)
	err := ts.Exec(args[0], args[1:]...)
	checkExit(ts, want, err, before)
	if want != 0 && strings.TrimSpace(ts.ReadFile("stderr")) == "" && ts.ReadFile("stdout") == "" {
		ts.Fatalf("exit code %d without a word", want)
	}
}

func exitArgs(ts *testscript.TestScript, neg bool, args []string) (want int, command []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	return want, args[1:]
}

func checkExit(ts *testscript.TestScript, want int, err error, before map[string]string) {
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if want == 0 {
		return
	}
	if diff := cmp.Diff(before, state(ts)); diff != "" {
		ts.Fatalf("a command that failed changed files (-before +after):\n%s", diff)
	}
}

// state is the content of every file of a script, the cache and the temporary
// folder left out.
func state(ts *testscript.TestScript) map[string]string {
	work := ts.Getenv("WORK")
	files := map[string]string{}
	ts.Check(filepath.WalkDir(work, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(work, path)
		if entry.IsDir() && (name == ".cache" || name == ".tmp") {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() {
			files[name] = entry.Type().String()
			return nil
		}
		content, err := os.ReadFile(path)
		files[name] = string(content)
		return err
	}))
	return files
}

// interrupt N COMMAND... is exits for a command that waits for the mirror's
// /slow/ and is interrupted while it does.
func (m *mirror) interrupt(ts *testscript.TestScript, neg bool, args []string) {
	want, args := exitArgs(ts, neg, args)
	before := state(ts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	env := ts.Value(environment{}).(*testscript.Env)
	cmd.Path, cmd.Err = filepath.Join(filepath.SplitList(env.Getenv("PATH"))[0], args[0]), nil
	cmd.Dir, cmd.Env = ts.MkAbs("."), env.Vars
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	ts.Check(cmd.Start())
	select {
	case <-m.waiting:
	case <-ctx.Done():
	}
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	checkExit(ts, want, cmd.Wait(), before)
}

// edit FILE OLD NEW replaces the only occurrence of a text.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit file old new")
	}
	text := ts.ReadFile(args[0])
	if strings.Count(text, args[1]) != 1 {
		ts.Fatalf("%s holds %q %d times", args[0], args[1], strings.Count(text, args[1]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// flip FILE changes one bit of the byte in the middle of a file. Of a folder
// it takes the largest file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip file")
	}
	path := ts.MkAbs(args[0])
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = largest(ts, path)
	}
	flipByte(ts, path)
}

func flipByte(ts *testscript.TestScript, path string) {
	content, err := os.ReadFile(path)
	ts.Check(err)
	content[len(content)/2] ^= 1
	ts.Check(os.Chmod(path, 0o644))
	ts.Check(os.WriteFile(path, content, 0o644))
}

func largest(ts *testscript.TestScript, dir string) string {
	sizes := map[string]int64{}
	ts.Check(filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		sizes[path] = info.Size()
		return err
	}))
	return slices.MaxFunc(slices.Sorted(maps.Keys(sizes)), func(a, b string) int { return int(sizes[a] - sizes[b]) })
}
