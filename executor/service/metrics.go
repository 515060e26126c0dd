package service

import (
	"context"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/metrics"
)

// openMetrics comes last: what it shows is asked for at every scrape.
func (s *Service) openMetrics(context.Context) error {
	o := metrics.Options{
		Internal: s.config.Metrics.Internal, Mode: s.config.Mode,
		Pools:       s.pools,
		Undelivered: func() int { return s.worker.Stats().Undelivered },
		Build:       metrics.Build{Version: s.build.ToolVersion, CLIVersion: s.build.CLIVersion, LockDigest: s.build.LockDigest},
		Resources:   metrics.Resources{Paths: []string{s.config.State.Dir, s.config.Logs.Work, s.config.Logs.Dir}},
	}
	for _, source := range s.sources {
		o.Sources = append(o.Sources, source)
	}
	s.metrics = metrics.New(o)
	return nil
}

// pools are the pools of tasks, by upstream's names.
func (s *Service) pools() []metrics.Pool {
	shown := func(name string, stats capacity.Stats) metrics.Pool {
		size := float64(stats.Size)
		return metrics.Pool{
			Name: name, Workers: stats.Workers, Active: stats.Active, Waiting: stats.Waiting,
			MaxWeight: 1, Weight: float64(stats.Weight) / size,
		}
	}
	return []metrics.Pool{shown("ingestions", s.pool.Stats())}
}
