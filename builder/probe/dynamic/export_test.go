package dynamic

import (
	"slices"

	"github.com/lockforge/lockforge/builder/probe"
)

// Platform makes an image around this machine's interpreter.
var Platform = platform

// Only returns a Runner of the probes of one tier.
func (r Runner) Only(t probe.Tier) Runner {
	return Runner{slices.DeleteFunc(slices.Clone(r.attacks), func(a attack) bool { return a.Tier != t }), r.host}
}
