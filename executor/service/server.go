package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
)

// firstAnswer bounds the wait for the server at the start: without an answer
// the executor starts all the same.
const firstAnswer = 10 * time.Second

// noRetries is gms's way to say that nothing is repeated.
const noRetries = -1

func (s *Service) openServer(context.Context) (err error) {
	credentials := s.config.Auth.Credentials()
	credentials.Renewed = s.renewed
	if s.auth, err = auth.FromConfig(credentials); err != nil {
		return fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	o := gms.Options{URL: s.config.GMS.URL, Auth: s.auth, Roots: s.config.GMS.Roots, Timeout: s.config.GMS.Timeout, Retries: noRetries}
	if s.once, err = gms.New(o); err == nil {
		if s.config.GMS.Retries > 0 {
			o.Retries = s.config.GMS.Retries
		}
		s.gms, err = gms.New(o)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// renewed counts what the executor's credentials go through. They are the same
// for all of its pools.
func (s *Service) renewed(err error) {
	s.metrics.Renewal(strings.Join(s.config.Pools, ","), exception(err))
}

// authenticate asks the server for what every run needs. Only a clear refusal
// ends the start: an outage of the server, or of the identity provider, does
// not.
func (s *Service) authenticate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	answer, err := s.gms.Check(ctx)
	if err == nil {
		s.log.Info("connected", "server", answer.Version, "type", answer.ServerType)
		return nil
	}
	kind := gms.KindOf(err)
	if !errors.Is(err, auth.ErrRefused) && kind != gms.Unauthorized && kind != gms.Forbidden {
		s.log.Warn("the server does not answer yet", "error", err)
		return nil
	}
	s.record(audit.AuthFailure("gms", 0, err.Error()))
	return fmt.Errorf("%w: %w", ErrAuthentication, err)
}

// settle is how long a claim has to stand. Kafka gives each request to one
// executor of a group; of those that poll, several may see it.
func (s *Service) settle() time.Duration {
	for _, source := range s.config.Sources {
		if source == config.SourcePoll {
			return s.config.Poll.Settle
		}
	}
	return 0
}

// record writes to the audit trail, if there is one.
func (s *Service) record(e audit.Event) {
	if s.trail == nil {
		return
	}
	if err := s.trail.Record(e); err != nil {
		s.log.Error("writing the audit trail", "event", e.Kind, "error", err)
	}
}
