package gcpsm

import (
	"context"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockforge/lockforge/executor/secret/remote"
	"github.com/lockforge/lockforge/internal/lazyregexp"
)

const (
	accessPermission = "secretmanager.versions.access"
	credentialsHint  = "use workload identity or a service account of the instance, or name a file in GOOGLE_APPLICATION_CREDENTIALS"
)

// permission is the form of a permission's name.
var permission = lazyregexp.New(`^[a-z]{1,40}\.[A-Za-z]{1,40}\.[A-Za-z]{1,40}$`)

// noCredentials says why there is no client to ask with.
func noCredentials(ctx context.Context, err error) error {
	e := &remote.Error{Kind: remote.Credentials, Reason: "no Google credentials that can be used", Hint: credentialsHint}
	if ctx.Err() != nil {
		e.Kind, e.Ended = remote.Unavailable, remote.Ended(ctx, err)
	}
	return e
}

// explain says why there is no value, and returns nil where the secret is absent.
func (v *versions) explain(ctx context.Context, id string, err error) *remote.Error {
	code := status.Code(err)
	e := &remote.Error{Kind: remote.Unavailable, Names: []string{id}, Reason: fmt.Sprintf("Secret Manager answers %s", code)}
	switch {
	case code == codes.NotFound:
		return nil
	case ctx.Err() != nil:
		e.Reason = "Secret Manager gave no answer"
		e.Ended = remote.Ended(ctx, err)
	case code == codes.PermissionDenied:
		e.Kind = remote.Denied
		v.denied(e, err)
	case code == codes.Unauthenticated:
		e.Kind, e.Names = remote.Credentials, nil
		e.Reason, e.Hint = "Secret Manager does not take the credentials, or there is no token to be had with them", credentialsHint
	case code == codes.FailedPrecondition:
		e.Kind = remote.Unusable
		e.Reason, e.Hint = "its latest version is disabled or destroyed", "enable it or add a version"
	case code == codes.InvalidArgument, code == codes.OutOfRange, code == codes.Unimplemented, code == codes.AlreadyExists:
		e.Kind = remote.Protocol
	case code == codes.ResourceExhausted:
		e.Hint = "the quota of accesses is used up; raise the cache's time to live"
	case code == codes.Unavailable:
		e.Hint = "check the network and the endpoint"
	}
	return e
}

// denied names the permission that is missing, as the service does or else as
// the question implies.
func (v *versions) denied(e *remote.Error, err error) {
	missing := accessPermission
	for _, detail := range status.Convert(err).Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok {
			continue
		}
		if info.Reason == "SERVICE_DISABLED" {
			e.Names = nil
			e.Reason = "the Secret Manager API is not enabled in project " + v.o.Project
			e.Hint = "enable it"
			return
		}
		if named := info.Metadata["permission"]; permission.MatchString(named) {
			missing = named
		}
	}
	e.Reason = "the executor's identity lacks the permission " + missing + " in project " + v.o.Project
	e.Hint = "grant roles/secretmanager.secretAccessor on the project, with a condition on the prefix where it has one, " +
		"so that an absent secret can be told from this"
}
