package solve

import (
	"context"

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
