package awssm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lockforge/lockforge/executor/secret/remote"
	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// batchPermission is for the question as a whole; there is one per secret, too.
const batchPermission = "secretsmanager:BatchGetSecretValue"

// unauthorized is how the service names who lacks which permission; the
// alphabets are those of ARNs and actions.
var unauthorized = lazyregexp.New(`User: ([A-Za-z0-9:/@_+=,.-]{1,512}) is not authorized to perform: ([a-z0-9-]{1,40}:[A-Za-z]{1,60})\b`)

// refusedCredentials are the codes of the service's front for an identity it
// does not take.
var refusedCredentials = map[string]bool{
	"UnrecognizedClientException": true, "SignatureDoesNotMatch": true, "InvalidSignatureException": true, "IncompleteSignature": true,
	"ExpiredTokenException": true, "ExpiredToken": true, "RequestExpired": true, "InvalidClientTokenId": true,
	"MissingAuthenticationToken": true, "MissingAuthenticationTokenException": true, "OptInRequired": true,
}

const credentialsHint = "give the executor a role (instance, container or web identity), a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

// noCredentials says why there is no identity to ask with.
func noCredentials(ctx context.Context, err error) *remote.Error {
	e := &remote.Error{Kind: remote.Credentials, Reason: "no AWS credentials", Hint: credentialsHint}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Reason += ": asking for them ended with " + identifier(api.ErrorCode())
	}
	if ctx.Err() != nil {
		e.Kind, e.Ended = remote.Unavailable, remote.Ended(ctx, err)
	}
	return e
}

// explain says why the service answered no question at all.
func (b *batches) explain(ctx context.Context, err error) *remote.Error {
	e := &remote.Error{Kind: remote.Unavailable, Reason: "Secrets Manager in " + b.region}
	var (
		api         smithy.APIError
		response    *awshttp.ResponseError
		certificate *tls.CertificateVerificationError
		network     net.Error
		long        *http.MaxBytesError
	)
	switch {
	case errors.As(err, &api):
		b.byCode(e, api.ErrorCode(), api.ErrorMessage(), errors.As(err, &response) && overloaded(response.HTTPStatusCode()))
	case errors.As(err, &long):
		e.Kind = remote.Protocol
		e.Reason += fmt.Sprintf(" answers with more than %d bytes", int64(maxAnswerBytes))
	case errors.As(err, &certificate):
		e.Reason += " has a certificate that is not trusted"
		e.Hint = "AWS_CA_BUNDLE names a file of roots for proxies that end TLS"
	case errors.As(err, &response) && overloaded(response.HTTPStatusCode()):
		e.Reason += fmt.Sprintf(" answers with status %d", response.HTTPStatusCode())
	case errors.As(err, &response) && forbidden(response.HTTPStatusCode()):
		e.Kind = remote.Denied
		e.Reason += fmt.Sprintf(" answers with status %d", response.HTTPStatusCode())
		e.Hint = "the credentials are wrong, their identity lacks the permission " + batchPermission + ", or a proxy is in the way"
	case ctx.Err() != nil, errors.As(err, &network):
		e.Reason += " cannot be reached"
		e.Ended = remote.Ended(ctx, err)
		e.Hint = "check the network, the region and the endpoint"
	default:
		e.Kind = remote.Protocol
		e.Reason += " gives an answer that cannot be read"
	}
	return e
}

func overloaded(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

func forbidden(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

func (b *batches) byCode(e *remote.Error, code, message string, overloaded bool) {
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case code == "AccessDeniedException" || code == "AccessDenied":
		*e = *b.denied("", message)
	case refusedCredentials[code]:
		e.Kind = remote.Credentials
		e.Reason += " does not take the credentials: " + code
		e.Hint = credentialsHint
	case throttled:
		e.Reason += " throttles: " + code
		e.Hint = "raise the cache's time to live"
	case overloaded:
		e.Reason += " is out of order: " + identifier(code)
	default:
		e.Kind = remote.Protocol
		e.Reason += " refuses the question: " + identifier(code)
	}
}

// refusal says why the service gives no value for one secret that may exist.
func (b *batches) refusal(id, code, message string) *remote.Error {
	e := &remote.Error{Kind: remote.Unusable, Names: []string{id}}
	switch code {
	case "AccessDeniedException", "AccessDenied":
		return b.denied(id, message)
	case "DecryptionFailure", "DecryptionFailureException":
		e.Kind = remote.Denied
		e.Reason = "Secrets Manager cannot decrypt it"
		e.Hint = "the key must be enabled, and the executor's identity needs kms:Decrypt on it"
	case "InvalidRequestException":
		e.Reason = "it is marked for deletion or has no current version"
		e.Hint = "restore it or take it out of the recipe"
	default:
		e.Kind = remote.Unavailable
		if strings.HasPrefix(code, "Invalid") || strings.HasPrefix(code, "Validation") {
			e.Kind = remote.Protocol
		}
		e.Reason = "Secrets Manager refuses it: " + identifier(code)
	}
	return e
}

// denied names the permission that is missing, as the service does or else as
// the question implies.
func (b *batches) denied(id, message string) *remote.Error {
	e := &remote.Error{Kind: remote.Denied}
	who, permission := "the executor's identity", batchPermission
	if id != "" {
		e.Names = []string{id}
		permission = "secretsmanager:GetSecretValue"
	}
	found := unauthorized.FindStringSubmatch(message)
	if found != nil {
		who, permission = found[1], found[2]
	}
	e.Reason = fmt.Sprintf("%s lacks the permission %s", who, permission)
	switch {
	case id == "":
		e.Hint = `allow it on the resource "*": this action takes no other`
	case found == nil: // what the service says about a key names no action
		e.Hint = "allow it on all names with the prefix, so that an absent secret can be told from this; " +
			"where the secret has a key of its own, kms:Decrypt on that key as well"
	default:
		e.Hint = "allow it on all names with the prefix, so that an absent secret can be told from this, or on the key"
	}
	return e
}

func binary(id string) *remote.Error {
	return &remote.Error{Kind: remote.Unusable, Names: []string{id}, Reason: "it has a binary value and no text", Hint: "store it as text, in base64 where it must be"}
}

// identifier is a code that may be shown: what is none may be anything.
func identifier(code string) string {
	if code == "" || len(code) > 80 || !remote.Made(code, ".") {
		return "an error without a proper code"
	}
	return code
}
