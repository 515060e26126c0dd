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
	if log != "" {
		log = "\n" + log
	}
	return fault.Wrap(fault.Build, err, "building: step %q did not succeed%s", step, log)
}
