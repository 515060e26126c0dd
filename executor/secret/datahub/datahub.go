// Package datahub is the store "datahub": the secrets that users keep in
// DataHub's UI. They leave the server over the network, and since 1.7 it gives
// them to system accounts only, so this store is for those who ask for it.
// Values are asked for at each run and not remembered, as upstream.
package datahub

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

// Server gives the values of those secrets among names that exist; *gms.Client
// is one.
type Server interface {
	Secrets(ctx context.Context, names []string) (map[string]string, error)
}

// Store implements secret.Store.
type Store struct {
	server Server
}

// New returns the store behind a server.
func New(server Server) Store { return Store{server} }

// ID returns "datahub".
func (s Store) ID() string { return "datahub" }

// Values returns the secrets that the server has; its errors have
// *remote.Error in them. The server answers all or nothing.
func (s Store) Values(ctx context.Context, names []string) (map[string]string, error) {
	var asked []string
	for _, name := range names {
		if remote.ValidName(name) {
			asked = append(asked, name)
		}
	}
	values := map[string]string{}
	for len(asked) > 0 {
		n := min(len(asked), gms.MaxSecrets)
		found, err := s.server.Secrets(ctx, asked[:n])
		if err != nil {
			return values, explain(ctx, err)
		}
		for _, name := range asked[:n] {
			if value, ok := found[name]; ok {
				values[name] = value
			}
		}
		asked = asked[n:]
	}
	return values, nil
}

// probe is what Check asks for; it need not exist.
const probe = "EXECUTOR_CHECK"

// Check asks for a secret, and so whether the server gives any to this caller.
func (s Store) Check(ctx context.Context) error {
	_, err := s.Values(ctx, []string{probe})
	return err
}

var kinds = map[gms.Kind]remote.Kind{
	gms.Unauthorized: remote.Credentials, gms.Forbidden: remote.Denied, gms.Unavailable: remote.Unavailable,
}

// explain keeps what the client says of an error and drops what the server
// said: that may quote the answer.
func explain(ctx context.Context, err error) error {
	e := &remote.Error{Kind: remote.Protocol, Reason: "DataHub gives no secrets", Ended: remote.Ended(ctx, err)}
	var failed *gms.Error
	if errors.As(err, &failed) {
		if kind, ok := kinds[failed.Kind]; ok {
			e.Kind = kind
		}
		e.Reason += ": " + string(failed.Kind)
		if failed.Status != 0 {
			e.Reason += fmt.Sprintf(" (status %d)", failed.Status)
		}
		e.Hint = failed.Hint
	} else if e.Ended != nil {
		e.Kind = remote.Unavailable
	}
	return e
}
