package service

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/lockforge/lockforge/executor/observe"
	"github.com/lockforge/lockforge/executor/observe/query"
	"github.com/lockforge/lockforge/executor/secret"
)

// openObserve reads the monitors, if there are any to be kept.
func (s *Service) openObserve(context.Context) error {
	c := s.config.Observe
	if c.Monitors == "" {
		return nil
	}
	file, err := observe.Load(c.Monitors)
	if err != nil {
		return fmt.Errorf("%w: reading monitors %s: %w", ErrConfig, c.Monitors, err)
	}
	s.observe, err = observe.New(observe.Options{
		File: file, Server: s.gms, Dir: filepath.Join(s.config.State.Dir, "observe"), Workers: s.config.Capacity.Observe,
		Warehouse: &query.Runner{
			Venvs: s.config.Venvs.Root, Policy: s.recipes, Environ: s.host.Env, Parent: s.config.Logs.Work, Sandbox: s.sandbox(),
			Resolver: secret.Resolver{Stores: s.secrets, Timeout: s.config.Secrets.Timeout},
		},
		Timeout: c.StatementTimeout, Observed: s.observed,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// observed counts and logs an evaluation.
func (s *Service) observed(o observe.Observation) {
	fault := ""
	if o.Result.Err != nil {
		fault = string(o.Result.Err.Fault)
	}
	log := s.log.With("assertion", o.Monitor.Assertion, "kind", o.Monitor.Kind)
	switch {
	case o.Skipped:
		log.Warn("assertion skipped: it is still being evaluated")
		return
	case o.Err != nil:
		log.Error("the result of an assertion is not at the server yet", "error", o.Err)
	}
	s.metrics.Assertion("assertions", o.Took, fault)
	log.Info("assertion evaluated", "verdict", o.Result.Verdict, "took", o.Took)
}
