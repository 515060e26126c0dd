// Package msk has the credentials for Kafka in AWS (the mechanism AWS_MSK_IAM):
// those of the SDK's default chain, as for the store aws-sm.
package msk

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// attemptTimeout ends one question for credentials, so that a service that
// hangs does not keep a connection from being tried again.
const attemptTimeout = 8 * time.Second

// Chain is the SDK's default chain: environment, profile, web identity,
// container, instance. It keeps what it found until shortly before its end.
// The zero value is ready, and is safe for concurrent use.
type Chain struct {
	mu     sync.Mutex
	source aws.CredentialsProvider // nil before the first question
}

// Credentials has the form of kafka.Options.AWS. It asks nobody before it is
// called for the first time.
func (c *Chain) Credentials(ctx context.Context) (accessKey, secretKey, sessionToken string, err error) {
	source, err := c.open(ctx)
	if err != nil {
		return "", "", "", err
	}
	found, err := source.Retrieve(ctx)
	if err != nil {
		return "", "", "", fmt.Errorf("getting AWS credentials: %w", err)
	}
	return found.AccessKeyID, found.SecretAccessKey, found.SessionToken, nil
}

func (c *Chain) open(ctx context.Context) (aws.CredentialsProvider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.source != nil {
		return c.source, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithLogger(logging.Nop{}), // the SDK writes to standard error
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)))
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	c.source = cfg.Credentials
	return c.source, nil
}
