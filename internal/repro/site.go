package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// manifestText is what is built: one connector with a driver, and two sources
// that share a venv.
const manifestText = `version: 1
name: repro
cli: {version: 1.7.0.17}
plugins: [mysql, file, demo-data]
groups: {common: [file, demo-data]}
`

// site is a directory with manifest and lock, and a cache. prefix is a command
// that runs the program, env are variables on top of this process's.
type site struct {
	dir, cache, program string
	prefix, env, flags  []string
}

func (s site) path(name string) string { return filepath.Join(s.dir, name) }

func (s site) command(ctx context.Context, args ...string) *exec.Cmd {
	argv := append(append([]string{}, s.prefix...), s.program)
	argv = append(append(argv, args...), "--cache-dir", s.cache, "--progress", "plain")
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

// lockforge runs a command of the program and returns its standard output.
func (s site) lockforge(ctx context.Context, args ...string) ([]byte, error) {
	cmd := s.command(ctx, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running lockforge %s: %w\n%s", strings.Join(args, " "), err, tail(said.String()))
	}
	return out, nil
}

func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// build builds into the layout "image" and returns the digest.
func (s site) build(ctx context.Context) (string, error) {
	out, err := s.lockforge(ctx, append([]string{"build", "m.yaml", "-o", "oci:" + s.path("image")}, s.flags...)...)
	return strings.TrimSpace(string(out)), err
}

// locked takes manifest and lock over from the reference.
func (s site) locked(m *matrix) error {
	for _, name := range []string{"m.yaml", "m.yaml.lock"} {
		content, err := os.ReadFile(m.reference.path(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.path(name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fetched does so as well, and takes the fetched files over, but nothing that
// a build left.
func (s site) fetched(m *matrix) error {
	const blobs = "blobs/sha256"
	err := errors.Join(s.locked(m), os.MkdirAll(filepath.Join(s.cache, blobs), 0o755))
	if err != nil {
		return err
	}
	return fs.WalkDir(os.DirFS(m.reference.cache), blobs, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Link(filepath.Join(m.reference.cache, name), filepath.Join(s.cache, name))
	})
}

// relocked writes another text of the manifest, locks it anew and wants the
// very lock of the reference.
func (s site) relocked(ctx context.Context, m *matrix, text string) error {
	if err := os.WriteFile(s.path("m.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := s.lockforge(ctx, "lock", "m.yaml"); err != nil {
		return err
	}
	want, errWant := os.ReadFile(m.reference.path("m.yaml.lock"))
	got, errGot := os.ReadFile(s.path("m.yaml.lock"))
	if err := errors.Join(errWant, errGot); err != nil {
		return err
	}
	if bytes.Equal(want, got) {
		return nil
	}
	changes, err := s.lockforge(ctx, "diff", m.reference.path("m.yaml.lock"), "m.yaml.lock")
	if err != nil {
		return err
	}
	return fmt.Errorf("another lock: %s", strings.TrimSpace(string(changes)))
}
