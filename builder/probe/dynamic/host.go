package dynamic

import (
	"context"
	"fmt"
	"runtime"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
)

// Host is a machine that containers run on.
type Host interface {
	// Refuses says why probes of a tier are not tried there, "" where they are.
	Refuses(t probe.Tier) string
	// Enter calls f once with what starts containers of an image. Where there is
	// nothing to start them with, it calls nothing and returns the reason. Its
	// error is f's, or for what is no probe's answer, as with probe.Runner.
	Enter(ctx context.Context, p *image.Platform, f func(context.Context, *container.Image, Room) error) (reason string, err error)
}

// Room starts containers of one image, several at once. Each begins with the
// image's own files. An error says that there was no container to run in.
type Room interface {
	Run(ctx context.Context, s container.Spec) (container.Outcome, error)
}

// local is the machine that this process runs on.
type local struct{}

func (local) Refuses(probe.Tier) string { return "" }

func (local) Enter(ctx context.Context, p *image.Platform, f func(context.Context, *container.Image, Room) error) (string, error) {
	if reason := container.Missing(); reason != "" {
		return reason, nil
	}
	if host := "linux/" + runtime.GOARCH; p.Name() != host {
		return fmt.Sprintf("the image is for %s and this machine is %s", p.Name(), host), nil
	}
	c, err := container.Open(ctx, p)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return "", f(ctx, c.Image, c)
}
