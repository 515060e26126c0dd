package remote

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
	"github.com/lockforge/lockforge/builder/solve"
)

// Host is a BuildKit as a dynamic.Host.
type Host struct{ client *solve.Client }

var _ dynamic.Host = Host{}

// New returns the Host of a BuildKit. Its client stays the caller's to close.
func New(c *solve.Client) Host { return Host{c} }

// Refuses says what the probes of a tier take that no build step is given.
func (Host) Refuses(t probe.Tier) string {
	switch t {
	case probe.Image:
		return ""
	case probe.Runtime:
		return "a BuildKit gives its containers no reference profile: capabilities, no-new-privileges, system call filter, noexec and bounds cannot be set; run it without --buildkit-addr"
	case probe.Executor:
		return "its attacks reach for other processes and use up memory, which could hit others at a BuildKit; run it without --buildkit-addr"
	}
	return fmt.Sprintf("probes of tier %s are not run at a BuildKit", t)
}

// Enter hands the image to BuildKit, which must have a worker for its platform.
func (h Host) Enter(ctx context.Context, p *image.Platform, f func(context.Context, *container.Image, dynamic.Room) error) (string, error) {
	names, err := h.client.Platforms(ctx)
	if err != nil {
		return "", err
	}
	if !slices.Contains(names, p.Name()) {
		return fmt.Sprintf("the image is for %s and BuildKit runs %s", p.Name(), strings.Join(names, ", ")), nil
	}
	i, err := container.Look(ctx, p)
	if err != nil {
		return "", err
	}
	defer i.Close()
	err = h.client.Enter(ctx, root(ctx, p), func(ctx context.Context, c *solve.Containers) error {
		return f(ctx, i, room{i, c})
	})
	if fault.KindOf(err) == fault.Build { // the outermost: a lost daemon is more than that
		return fmt.Sprintf("BuildKit does not take the image: %v", err), nil
	}
	return "", err
}

// room starts containers in the plain profile, as far as the daemon's own
// configuration lets it be that.
type room struct {
	image *container.Image
	at    *solve.Containers
}

func (r room) Run(ctx context.Context, s container.Spec) (container.Outcome, error) {
	if s.Profile != container.Plain {
		return container.Outcome{}, fmt.Errorf("a BuildKit has no %s profile", s.Profile)
	}
	var stdout, stderr container.Capped
	p := solve.Process{
		Args: s.Args, Env: r.image.Environment(s.Env), Dir: r.image.WorkingDir(), UID: r.image.User.UID, GID: r.image.User.GID,
		Mounts: map[string]fs.FS{}, Stdout: &stdout, Stderr: &stderr,
	}
	for at, dir := range s.Mounts {
		p.Mounts[at] = os.DirFS(dir)
	}
	if s.Listen != "" {
		p.Socket, p.Serve = container.Socket, s.Serve
	}
	limited, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	code, err := r.at.Run(limited, p)
	o := container.Outcome{Code: code, Stdout: stdout.String(), Stderr: stderr.String(), TimedOut: limited.Err() != nil}
	switch {
	case ctx.Err() != nil:
		return container.Outcome{}, ctx.Err()
	case o.TimedOut:
		return o, nil
	}
	return o, err
}
