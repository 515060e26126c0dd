// Package gcpsm is the store "gcp-sm": the latest versions of secrets in Google
// Cloud's Secret Manager. Who the executor is to Google comes from the
// application default credentials: a file, workload identity, the instance.
//
// It takes the permission secretmanager.versions.access, which is all that the
// role roles/secretmanager.secretAccessor has.
package gcpsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/api/option"

	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

// Limits of one question.
const (
	// DefaultAttemptTimeout ends one call, so that a connection that hangs
	// leaves time for another attempt.
	DefaultAttemptTimeout = 8 * time.Second
	// DefaultBackoff is the longest first pause before another attempt; each
	// later one may be twice as long, up to maxBackoff. As upstream.
	DefaultBackoff = time.Second
	maxBackoff     = 10 * time.Second
	// maxAttempts of one call, the first included.
	maxAttempts = 5
	// maxCalls are under way at once: the service has a question per secret.
	maxCalls = 8
	// maxAnswerBytes bounds one answer: the service's 64 KiB of a value, with
	// room for the rest.
	maxAnswerBytes = 128 << 10
	// maxIDBytes is the service's limit for the id of a secret.
	maxIDBytes = 255
	// maxProjectBytes bounds a project's id or number, domain included.
	maxProjectBytes = 128
)

// Options of a Store.
type Options struct {
	// Project is the id or number of the project that has the secrets.
	Project string
	// Prefix stands before every name: with "team-", ${DB_PASSWORD} is the
	// secret team-DB_PASSWORD. May be empty.
	Prefix string
	// TTL is how long values are remembered; more than 0. A rotated secret is
	// seen after it at the latest. Absence is not remembered, as upstream.
	TTL time.Duration
	// Endpoint is "host:port" to use in place of the service's own, such as
	// that of a private endpoint. May be empty.
	Endpoint string
	// Timeout bounds a question as a whole; 0 is secret.DefaultTimeout.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt; 0 is DefaultAttemptTimeout.
	AttemptTimeout time.Duration
	// Backoff is the longest first pause between attempts; 0 is DefaultBackoff.
	Backoff time.Duration
	Now     func() time.Time // for the age of what is remembered; time.Now where nil
}

// Store implements secret.Store.
type Store struct {
	versions *versions
	prefixed *secret.Prefixed
	cache    *secret.Cache
}

// New only looks at o. Credentials are searched for by the first question, for
// that search may take seconds.
func New(o Options) (*Store, error) { return newStore(o, nil) }

func newStore(o Options, also []option.ClientOption) (*Store, error) {
	if o.Project == "" || len(o.Project) > maxProjectBytes || !remote.Made(o.Project, "-.:") {
		return nil, fmt.Errorf("configuring store gcp-sm: %.40q is no id of a project", o.Project)
	}
	if len(o.Prefix) >= maxIDBytes {
		return nil, fmt.Errorf("configuring store gcp-sm: the prefix has %d bytes; the limit is %d", len(o.Prefix), maxIDBytes-1)
	}
	v := &versions{o: o.withDefaults(), also: also}
	prefixed, err := secret.NewPrefixed(v, o.Prefix)
	if err != nil {
		return nil, fmt.Errorf("configuring store gcp-sm: %w", err)
	}
	cache, err := secret.NewCache(prefixed, secret.CacheOptions{TTL: o.TTL, Now: o.Now})
	if err != nil {
		return nil, fmt.Errorf("configuring store gcp-sm: %w", err)
	}
	return &Store{v, prefixed, cache}, nil
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = secret.DefaultTimeout
	}
	if o.AttemptTimeout == 0 {
		o.AttemptTimeout = DefaultAttemptTimeout
	}
	if o.Backoff == 0 {
		o.Backoff = DefaultBackoff
	}
	return o
}

// ID returns "gcp-sm".
func (s *Store) ID() string { return s.versions.ID() }

// Values returns the latest versions. What has no such secret, or no version
// of it, is absent; everything else that gives no value is an error with
// *remote.Error in it.
func (s *Store) Values(ctx context.Context, names []string) (map[string]string, error) {
	return s.cache.Values(ctx, names)
}

// probe is what Check asks for; it need not exist.
const probe = "EXECUTOR_CHECK"

// Check asks for a secret, and so tries network and credentials. That this
// secret is denied is no error: what the executor may read can be granted
// secret by secret.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.prefixed.Values(ctx, []string{probe})
	var e *remote.Error
	if errors.As(err, &e) && e.Kind == remote.Denied && len(e.Names) > 0 {
		return nil
	}
	return err
}

// Close ends the connection. The store must not be asked again.
func (s *Store) Close() error { return s.versions.close() }
