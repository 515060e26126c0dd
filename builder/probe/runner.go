package probe

import (
	"context"

	"github.com/lockforge/lockforge/builder/image"
)

// Runner answers the dynamic probes of one package. Run returns one Result per
// probe of Probes: Answer, Passed or, where this machine cannot try it,
// Skipped with the reason. Its error is for what is no probe's answer: bytes
// of the image that are not its own (fault.Integrity), or a cancelled context.
type Runner interface {
	Probes() []Probe
	Run(ctx context.Context, p *image.Platform) ([]Result, error)
}
