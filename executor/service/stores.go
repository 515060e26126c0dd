package service

import (
	"context"
	"fmt"

	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/secret/awssm"
	"github.com/lockforge/lockforge/executor/secret/datahub"
	"github.com/lockforge/lockforge/executor/secret/gcpsm"
)

// stores are where the secrets of recipes are looked for, a later one
// overruling an earlier one.
func (s *Service) stores(ctx context.Context) ([]secret.Store, error) {
	var stores []secret.Store
	for _, id := range s.config.Secrets.Stores {
		store, err := s.store(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("%w: secret store %s: %w", ErrConfig, id, err)
		}
		stores = append(stores, store)
	}
	return stores, nil
}

func (s *Service) store(ctx context.Context, id string) (secret.Store, error) {
	c := s.config.Secrets
	switch id {
	case config.StoreEnv:
		return secret.Env{Environ: s.host.Env, Allow: c.Env}, nil
	case config.StoreFile:
		return secret.Dir{Path: c.Dir, MaxBytes: int64(c.FileBytes)}, nil
	case config.StoreDataHub:
		if c.DataHubCache == 0 {
			return datahub.New(s.gms), nil
		}
		return secret.NewCache(datahub.New(s.gms), secret.CacheOptions{TTL: c.DataHubCache})
	case config.StoreAWS:
		return awssm.New(ctx, awssm.Options{
			Region: c.AWS.Region, Prefix: c.AWS.Prefix, Endpoint: c.AWS.Endpoint, TTL: c.AWS.CacheTTL, Timeout: c.Timeout,
		})
	case config.StoreGCP:
		store, err := gcpsm.New(gcpsm.Options{
			Project: c.GCP.Project, Prefix: c.GCP.Prefix, Endpoint: c.GCP.Endpoint, TTL: c.GCP.CacheTTL, Timeout: c.Timeout,
		})
		if err == nil {
			s.closers = append(s.closers, store.Close)
		}
		return store, err
	default:
		return nil, fmt.Errorf("there is no such store")
	}
}
