package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
)

// iam is AWS_MSK_IAM: a request to connect that is signed with AWS credentials
// (Signature Version 4). The region is a part of the broker's name, or else
// AWS_REGION. Options of Java's login module choose credentials there; here
// the SDK's variables do, so they are refused rather than ignored.
func iam(credentials awsCredentials, options map[string]string) (sasl.Mechanism, error) {
	if credentials == nil {
		return nil, errors.New("sasl mechanism AWS_MSK_IAM needs AWS credentials, which this executor was not given")
	}
	if len(options) > 0 {
		return nil, fmt.Errorf("property sasl.jaas.config: %s is not supported with AWS_MSK_IAM: credentials are found as the AWS SDK finds them (AWS_PROFILE, AWS_ROLE_ARN, ...)",
			strings.Join(slices.Sorted(maps.Keys(options)), ", "))
	}
	return signing{aws.ManagedStreamingIAM(func(ctx context.Context) (aws.Auth, error) {
		access, secret, token, err := credentials(ctx)
		return aws.Auth{AccessKey: access, SecretKey: secret, SessionToken: token}, err
	})}, nil
}

// signing says what an error of the mechanism is about: the client's log has
// nothing but that.
type signing struct{ sasl.Mechanism }

// Authenticate implements sasl.Mechanism.
func (s signing) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, message, err := s.Mechanism.Authenticate(ctx, host)
	if err != nil {
		err = fmt.Errorf("signing a request of AWS_MSK_IAM to %s (the region is that of the broker's name, else AWS_REGION): %w", host, err)
	}
	return session, message, err
}
