package gcpsm

import (
	"context"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/lockforge/lockforge/executor/secret/remote"
)

// versions asks the service, without a memory.
type versions struct {
	o    Options
	also []option.ClientOption

	mu     sync.Mutex
	client *secretmanager.Client // nil before the first question
}

func (v *versions) ID() string { return "gcp-sm" }

func (v *versions) Values(ctx context.Context, names []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, v.o.Timeout)
	defer cancel()
	values := map[string]string{}
	client, err := v.connect(ctx)
	if err != nil {
		return values, noCredentials(ctx, err)
	}
	var (
		mu       sync.Mutex
		problems []*remote.Error
		calls    errgroup.Group
		asked    = map[string]bool{}
	)
	calls.SetLimit(maxCalls)
	for _, name := range names {
		// Anything else would be another path, and no secret can have it for an id.
		if name == "" || len(name) > maxIDBytes || !remote.Made(name, "_-") || asked[name] {
			continue
		}
		asked[name] = true
		calls.Go(func() error {
			value, found, problem := v.access(ctx, client, name)
			mu.Lock()
			defer mu.Unlock()
			if problem != nil {
				problems = append(problems, problem)
			} else if found {
				values[name] = value
			}
			return nil
		})
	}
	_ = calls.Wait() // the calls return none
	return values, remote.Join(problems)
}

// connect makes the client, which connects when it is first used.
func (v *versions) connect(ctx context.Context) (*secretmanager.Client, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.client != nil {
		return v.client, nil
	}
	options := []option.ClientOption{
		option.WithLogger(slog.New(slog.DiscardHandler)), // a variable makes the client log answers
		option.WithGRPCDialOption(grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes))),
	}
	if v.o.Endpoint != "" {
		options = append(options, option.WithEndpoint(v.o.Endpoint))
	}
	// The client and its tokens outlive the question that makes them.
	client, err := secretmanager.NewClient(context.WithoutCancel(ctx), append(options, v.also...)...)
	if err != nil {
		return nil, err
	}
	client.CallOptions.AccessSecretVersion = nil // access repeats
	v.client = client
	return client, nil
}

func (v *versions) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.client == nil {
		return nil
	}
	return v.client.Close()
}

// access asks for one secret, again where that may help.
func (v *versions) access(ctx context.Context, client *secretmanager.Client, id string) (value string, found bool, problem *remote.Error) {
	backoff := v.o.Backoff
	for attempt := 1; ; attempt++ {
		value, found, problem = v.once(ctx, client, id)
		if problem == nil || problem.Kind != remote.Unavailable || attempt == maxAttempts {
			return value, found, problem
		}
		select {
		case <-time.After(rand.N(backoff) + 1):
		case <-ctx.Done():
			problem.Ended = ctx.Err()
			return "", false, problem
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

func (v *versions) once(ctx context.Context, client *secretmanager.Client, id string) (string, bool, *remote.Error) {
	attempt, cancel := context.WithTimeout(ctx, v.o.AttemptTimeout)
	defer cancel()
	answer, err := client.AccessSecretVersion(attempt, &secretmanagerpb.AccessSecretVersionRequest{
		Name: "projects/" + v.o.Project + "/secrets/" + id + "/versions/latest",
	})
	if err != nil {
		return "", false, v.explain(ctx, id, err)
	}
	payload := answer.GetPayload()
	switch {
	case payload == nil:
		return "", false, &remote.Error{Kind: remote.Protocol, Names: []string{id}, Reason: "Secret Manager answers without a value"}
	case payload.DataCrc32C != nil && *payload.DataCrc32C != int64(crc32.Checksum(payload.Data, castagnoli)):
		return "", false, &remote.Error{Kind: remote.Unavailable, Names: []string{id}, Reason: "the value does not have its checksum"}
	}
	return string(payload.Data), true, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
