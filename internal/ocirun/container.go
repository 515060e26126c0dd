package ocirun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Container is a run that was started.
type Container struct {
	bundle string
	id     string
	uid    int
	cmd    *exec.Cmd
}

// Start starts the command. Wait has to be called, which also clears up.
func Start(s Spec) (*Container, error) {
	bundle, err := os.MkdirTemp("", "ocirun-")
	if err != nil {
		return nil, err
	}
	c := &Container{bundle: bundle, uid: s.UID, id: "lockforge-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(bundle)}
	if err := c.start(s); err != nil {
		return nil, errors.Join(err, os.RemoveAll(bundle))
	}
	return c, nil
}

func (c *Container) start(s Spec) error {
	config, err := json.Marshal(s.config())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.bundle, "config.json"), config, 0o600); err != nil {
		return err
	}
	c.cmd = c.runc(context.Background(), "run", "--bundle", c.bundle, c.id)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("running runc: %w", err)
	}
	return nil
}

func (c *Container) runc(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "runc", append([]string{"--root", filepath.Join(c.bundle, "state")}, args...)...)
}

// Wait waits for the command's end and returns its exit code: 128+n when it
// died of signal n. An error means that runc itself could not do its work.
func (c *Container) Wait() (int, error) {
	err := c.cmd.Wait()
	if removed := os.RemoveAll(c.bundle); removed != nil {
		return 0, removed
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("running runc: %w", err)
	}
	return 0, nil
}

// Signal sends a signal, such as "TERM", to the command. After "KILL" nothing
// of the container is left.
func (c *Container) Signal(name string) error {
	if out, err := c.runc(context.Background(), "kill", c.id, name).CombinedOutput(); err != nil {
		return fmt.Errorf("sending %s to a container: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// kill ends the container, or the attempt to make one.
func (c *Container) kill() {
	if c.Signal("KILL") != nil {
		_ = c.cmd.Process.Kill() // it may have ended
	}
}

// PID is the command's process id on the host.
func (c *Container) PID(ctx context.Context) (int, error) {
	out, err := c.runc(ctx, "state", c.id).Output()
	if err != nil {
		return 0, fmt.Errorf("asking for the state of a container: %w", err)
	}
	var state struct{ PID int }
	if err := json.Unmarshal(out, &state); err != nil {
		return 0, fmt.Errorf("asking for the state of a container: %w", err)
	}
	return state.PID, nil
}

// Exec runs another command in the container, as the same user, and returns
// what it printed.
func (c *Container) Exec(ctx context.Context, args ...string) (string, error) {
	user := strconv.Itoa(c.uid)
	out, err := c.runc(ctx, append([]string{"exec", "--user", user + ":" + user, c.id}, args...)...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("running %s in a container: %w", args[0], err)
	}
	return string(out), nil
}
