// Package awssm is the store "aws-sm": secrets in AWS Secrets Manager, read
// with BatchGetSecretValue. Who the executor is to AWS comes from the SDK's
// default chain: environment, profile, web identity, container, instance.
//
// It takes the permissions secretsmanager:BatchGetSecretValue on every
// resource, secretsmanager:GetSecretValue on the secrets, and kms:Decrypt on
// their keys where those are the customer's own.
package awssm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/logging"

	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

// Limits of one question.
const (
	// DefaultAttemptTimeout ends one HTTP exchange, so that a connection that
	// hangs leaves time for another attempt.
	DefaultAttemptTimeout = 8 * time.Second
	// DefaultMaxBackoff bounds the pause before another attempt.
	DefaultMaxBackoff = 5 * time.Second
	// maxAttempts of one exchange, the first included.
	maxAttempts = 5
	// maxBatch is the service's limit of names per question.
	maxBatch = 20
	// maxPages bounds how many answers one question may be split into.
	maxPages = maxBatch
	// maxAnswerBytes bounds one answer: 20 values of the service's 64 KiB,
	// each byte escaped in six, with room for the rest.
	maxAnswerBytes = 16 << 20
	// maxIDBytes is the service's limit for a name.
	maxIDBytes = 512
)

// prefixBytes are what the service allows in names beside letters and digits.
const prefixBytes = "/_+=.@-"

// Options of a Store.
type Options struct {
	// Region, such as "eu-central-1"; where empty, that of the SDK's default
	// configuration.
	Region string
	// Prefix stands before every name: with "prod/datahub/", ${DB_PASSWORD} is
	// the secret prod/datahub/DB_PASSWORD. May be empty.
	Prefix string
	// TTL is how long values, and the absence of values, are remembered; more
	// than 0. A rotated secret is seen after it at the latest.
	TTL time.Duration
	// Endpoint is a base URL to use in place of the region's own, such as that
	// of a VPC endpoint. May be empty.
	Endpoint string
	// Timeout bounds a question as a whole; 0 is secret.DefaultTimeout.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt; 0 is DefaultAttemptTimeout.
	AttemptTimeout time.Duration
	// MaxBackoff bounds the pause between attempts; 0 is DefaultMaxBackoff.
	MaxBackoff time.Duration
	Now        func() time.Time // for the age of what is remembered; time.Now where nil
}

// Store implements secret.Store.
type Store struct {
	batches batches
	cache   *secret.Cache
}

// New reads the SDK's configuration; it asks no service, not even for
// credentials.
func New(ctx context.Context, o Options) (*Store, error) {
	if !remote.Made(o.Prefix, prefixBytes) || len(o.Prefix) >= maxIDBytes {
		return nil, fmt.Errorf("configuring store aws-sm: the prefix %.40q is none: letters, digits and %s, fewer than %d bytes", o.Prefix, prefixBytes, maxIDBytes)
	}
	o = o.withDefaults()
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(o.Region),
		config.WithLogger(logging.Nop{}), // the SDK writes to standard error, and answers are secrets
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(o.AttemptTimeout)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts, s.MaxBackoff = maxAttempts, o.MaxBackoff })
		}))
	if err != nil {
		return nil, fmt.Errorf("configuring store aws-sm: %w", err)
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("configuring store aws-sm: no region: set one, or AWS_REGION")
	}
	client := secretsmanager.NewFromConfig(cfg, func(s *secretsmanager.Options) {
		s.HTTPClient = bounded{s.HTTPClient}
		if o.Endpoint != "" {
			s.BaseEndpoint = &o.Endpoint
		}
	})
	store := &Store{batches: batches{client: client, credentials: cfg.Credentials, prefix: o.Prefix, region: cfg.Region, timeout: o.Timeout}}
	store.cache, err = secret.NewCache(&store.batches, secret.CacheOptions{TTL: o.TTL, Missing: true, Now: o.Now})
	return store, err
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = secret.DefaultTimeout
	}
	if o.AttemptTimeout == 0 {
		o.AttemptTimeout = DefaultAttemptTimeout
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = DefaultMaxBackoff
	}
	return o
}

// ID returns "aws-sm".
func (s *Store) ID() string { return s.batches.ID() }

// Values returns the texts of the current versions. What has no such secret is
// absent; everything else that gives no text is an error with *remote.Error in it.
func (s *Store) Values(ctx context.Context, names []string) (map[string]string, error) {
	return s.cache.Values(ctx, names)
}

// probe is what Check asks for; it need not exist.
const probe = "EXECUTOR_CHECK"

// Check asks a question, and so tries region, credentials and the permission
// to ask. That the one secret it asks for is denied is no error: what the
// executor may read can be granted secret by secret.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.batches.Values(ctx, []string{probe})
	var e *remote.Error
	if errors.As(err, &e) && e.Kind == remote.Denied && len(e.Names) > 0 {
		return nil
	}
	return err
}
