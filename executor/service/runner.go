package service

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/sandbox"
)

func (s *Service) openRunner(ctx context.Context) error {
	policy, source, err := s.policy()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	text, err := json.Marshal(policy)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var rules []string
	for _, rule := range recipe.Rules() {
		rules = append(rules, rule.ID)
	}
	s.record(audit.PolicyLoaded(source, digestOf(string(text)), rules))
	if s.secrets, err = s.stores(ctx); err != nil {
		return err
	}
	c := s.config
	var echo io.Writer
	if c.Logs.Echo {
		echo = s.host.Output
	}
	s.recipes = policy
	s.runner, err = ingestion.New(ingestion.Options{
		Venvs: c.Venvs.Root, Version: ingestion.VersionPolicy(c.Venvs.Version), Policy: policy,
		Stores: s.secrets, StoreTimeout: c.Secrets.Timeout, GMS: s.sink(), Env: s.host.Env, Allow: c.Recipe.EnvVars,
		Sandbox: s.sandbox(), Memory: c.Limits.Memory, Grace: c.Limits.Grace,
		Instance: s.instance, Work: c.Logs.Work, Echo: echo, Document: int(c.GMS.PayloadBytes),
		Logs: ingestion.Logs{
			Dir: c.Logs.Dir, FileBytes: int64(c.Logs.FileBytes), Files: c.Logs.Files,
			Keep: c.Logs.Retention, MaxBytes: int64(c.Logs.MaxDirBytes), Settled: c.Logs.InFlightGrace,
		},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

func (s *Service) policy() (*recipe.Policy, string, error) {
	if file := s.config.Recipe.Policy; file != "" {
		p, err := recipe.LoadPolicy(file)
		return p, file, err
	}
	p, err := recipe.DefaultPolicy()
	return p, "built-in", err
}

// sink is the server that recipes without a sink write to.
func (s *Service) sink() *ingestion.GMS {
	g := &ingestion.GMS{URL: s.config.GMS.URL, Authorization: s.auth.Header}
	if !auth.Lasting(s.auth) {
		g.Fresh = func(ctx context.Context) (string, error) { return auth.Fresh(ctx, s.auth) }
	}
	if len(s.config.GMS.Roots) > 0 {
		g.Roots = s.config.GMS.Roots[0]
	}
	return g
}

// sandbox are the controls of every child: it sees nothing of what the executor
// keeps for itself.
func (s *Service) sandbox() *sandbox.Policy {
	c := s.config.Sandbox
	if c.Mode == string(sandbox.Off) {
		return nil
	}
	p := &sandbox.Policy{
		Modes: sandbox.Modes(sandbox.Mode(c.Mode)),
		Write: c.Write, Read: c.Read, LandlockABI: c.LandlockABI, AllowMemfd: c.AllowMemfd,
		Hide:     []string{s.config.Secrets.Dir, s.config.State.Dir},
		FileSize: s.config.Limits.FileSize, OpenFiles: uint64(s.config.Limits.OpenFiles), Processes: uint64(s.config.Limits.Processes),
	}
	if c.MDWE {
		p.Modes[sandbox.MDWE] = sandbox.Mode(c.Mode)
	}
	if s.config.Audit.Enabled {
		p.Hide = append(p.Hide, s.config.Audit.Dir)
	}
	for _, file := range s.config.Auth.Credentials().Files() {
		p.Hide = append(p.Hide, filepath.Dir(file))
	}
	return p
}

// weight is the part of the pool that a run asks for in extra_env_vars,
// upstream's only place for it. What cannot be read has the usual one: the
// runner refuses the request with a reason.
func (s *Service) weight(q queue.Request) capacity.Weight {
	usual := capacity.Share(s.config.Capacity.Workers)
	var variables struct {
		Weight any `json:"EXECUTOR_TASK_WEIGHT"`
	}
	if json.Unmarshal([]byte(q.Args["extra_env_vars"]), &variables) != nil || variables.Weight == nil {
		return usual
	}
	weight, err := capacity.ParseWeight(fmt.Sprint(variables.Weight))
	if err != nil {
		return usual
	}
	return weight
}
