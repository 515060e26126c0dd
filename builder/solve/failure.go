package solve

import (
	"cmp"
	"context"
	"strings"
	"syscall"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/lockforge/lockforge/builder/fault"
)

// explain classifies the error of a solve and says which step it was.
func explain(ctx context.Context, err error, f *follower, c *Client) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Cancelled, context.Cause(ctx), "building")
	}
	step, log := f.failure()
	if full(err.Error()) || f.full() {
		return fault.Wrap(fault.DiskFull, syscall.ENOSPC, "building: %s", cmp.Or(step, "handing out layers"))
	}
	if step == "" {
		if code := grpcerrors.Code(err); code == codes.Unavailable {
			return fault.Wrap(fault.EngineDown, err, "building: BuildKit at %s went away", c.addr)
		}
		return fault.Wrap(fault.Build, err, "building")
	}
	if log == "" {
		return fault.Wrap(fault.Build, err, "building: %s", step)
	}
	// The step has said what went wrong; BuildKit only knows that it ended.
	return fault.New(fault.Build, "building: %s: %s", step, log)
}

// full finds a full disk in what BuildKit or a program in a build step says:
// neither has more than a text, the operating system's own.
func full(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, syscall.ENOSPC.Error()) || strings.Contains(text, syscall.EDQUOT.Error())
}
