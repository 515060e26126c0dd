package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// programsDir is where a tree keeps the programs that lockforge carries.
const programsDir = "builder/programs/bin"

// rebuilt builds the tool in another directory; those of its programs that
// enter images without any help of the compiler's cache.
func (m *matrix) rebuilt(ctx context.Context, s site) (string, error) {
	tree := s.path("some/other/place/lockforge")
	if err := m.copyTree(ctx, tree); err != nil {
		return "", err
	}
	if err := m.inTree(ctx, tree, []string{"GOCACHE=" + s.path("compiled")}, "make", "--silent", "programs", "ARCHES="+runtime.GOARCH); err != nil {
		return "", err
	}
	for _, name := range []string{"unpack", "executor"} {
		file := filepath.Join(programsDir, name+"-linux-"+runtime.GOARCH)
		ours, errOurs := os.ReadFile(filepath.Join(m.source, file))
		theirs, errTheirs := os.ReadFile(filepath.Join(tree, file))
		if err := errors.Join(errOurs, errTheirs); err != nil {
			return "", err
		}
		if !bytes.Equal(ours, theirs) {
			return "", fmt.Errorf("%s has other bytes when it is built elsewhere", file)
		}
	}
	s.program = s.path("lockforge")
	if err := m.compile(ctx, tree, s.program, "./cmd/lockforge"); err != nil {
		return "", err
	}
	return m.plain(ctx, s)
}

// copyTree copies what git knows of the source tree, and what it does not
// ignore.
func (m *matrix) copyTree(ctx context.Context, to string) error {
	for _, tool := range []string{"go", "git", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			return notRun{tool + " is not installed"}
		}
	}
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = m.source
	out, err := list.Output()
	if err != nil {
		return notRun{"the source is no git checkout"}
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(m.source, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not yet committed
		}
		if err != nil {
			return err
		}
		at := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(m.source, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(at, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// compile builds a program as the Makefile does. The version is the tool's: it
// is part of the image.
func (m *matrix) compile(ctx context.Context, tree, out, pkg string, more ...string) error {
	version, err := m.version(ctx)
	if err != nil {
		return err
	}
	flags := "-s -w -X github.com/lockforge/lockforge/builder.Version=" + version
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", out}
	for _, arg := range more {
		if x, ok := strings.CutPrefix(arg, "-X "); ok {
			flags += " -X " + x
			continue
		}
		args = append(args, arg)
	}
	return m.inTree(ctx, tree, nil, "go", append(args, "-ldflags", flags, pkg)...)
}

func (m *matrix) version(ctx context.Context) (string, error) {
	out, err := m.reference.lockforge(ctx, "version", "--format", "json")
	if err != nil {
		return "", err
	}
	var says struct {
		Version string `json:"version"`
	}
	return says.Version, errors.Join(json.Unmarshal(out, &says), err)
}

func (m *matrix) inTree(ctx context.Context, tree string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = tree
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, tail(string(out)))
	}
	return nil
}
