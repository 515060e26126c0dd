package builder

import (
	"context"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/solve"
)

// EngineOptions select the embedded BuildKit, or one elsewhere by address.
type EngineOptions struct {
	Address string // of a BuildKit elsewhere; "" is the embedded one
	// TLS files for an address that starts with tcp://.
	CA, Cert, Key, ServerName string

	Self []string // argv that runs this program's hidden engine command
	Runc string   // "" looks for runc on PATH
}

// target is the BuildKit at Address.
func (o EngineOptions) target() solve.Target {
	return solve.Target{Address: o.Address, CA: o.CA, Cert: o.Cert, Key: o.Key, ServerName: o.ServerName}
}

// connect returns a client of the BuildKit that builds, and what ends both;
// stop may be called after an error as well.
// The embedded engine keeps one state per compression type: which layers it
// has compressed before must not decide what a layer's bytes are.
func (w *Workspace) connect(ctx context.Context, compression string) (c *solve.Client, stop func(), err error) {
	o := w.Engine
	if o.Address != "" {
		c, err = solve.Dial(ctx, o.target())
		if err != nil {
			return nil, func() {}, err
		}
		return c, func() { _ = c.Close() }, nil
	}
	step := w.Progress.Begin("starting the build engine")
	e, err := engine.Start(ctx, engine.Options{
		StateDir: w.cache("engine-" + compression),
		Self:     o.Self,
		Runc:     o.Runc,
		Sink:     w.Progress,
	})
	step.End(err)
	if err != nil {
		return nil, func() {}, err
	}
	c, err = solve.Dial(ctx, solve.Target{Address: e.Address, LocalContent: e.ContentDir})
	if err != nil {
		_ = e.Stop()
		return nil, func() {}, err
	}
	return c, func() {
		_ = c.Close()
		_ = e.Stop()
	}, nil
}
