package service

import (
	"context"
	"errors"

	"github.com/lockforge/lockforge/executor/check"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/metrics"
)

// Inspect returns what the checks of a configuration look at: the parts that a
// service would have, without its journal, its trail and its worker. close
// gives back what they took; what cannot be made is in the inputs' Err.
func Inspect(ctx context.Context, c *config.Config, warnings []config.Warning, h Host) (in check.Inputs, close func() error) {
	in = check.Inputs{Config: c, Warnings: warnings, Environ: h.Env}
	s := newService(c, h)
	s.metrics = metrics.New(metrics.Options{})
	if in.Err = s.openServer(ctx); in.Err != nil {
		return in, s.Close
	}
	s.secrets, in.Err = s.stores(ctx)
	in.Err = errors.Join(in.Err, s.openSources(ctx))
	in.Server, in.HTTP, in.Stores, in.Sandbox = s.once, s.once.HTTP(), s.secrets, s.sandbox()
	in.Renewed = !auth.Lasting(s.auth)
	for _, source := range s.sources {
		if watched, ok := source.(watched); ok {
			source = watched.Source // it has more to say
		}
		in.Sources = append(in.Sources, source)
	}
	if s.signals != nil {
		in.Sources = append(in.Sources, s.signals)
	}
	return in, s.Close
}
