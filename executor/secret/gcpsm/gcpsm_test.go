package gcpsm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockforge/lockforge/executor/internal/gcptest"
	"github.com/lockforge/lockforge/executor/internal/remotetest"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/secret/gcpsm"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

var _ secret.Store = (*gcpsm.Store)(nil)

func TestValues(t *testing.T) {
	account(t)
	s := &gcptest.Service{Fault: func(context.Context, int, string) error { time.Sleep(5 * time.Millisecond); return nil }}
	store := start(t, s, gcpsm.Options{Prefix: "team-"})
	want := map[string]string{"EMPTY": ""}
	for i := range 30 {
		name := fmt.Sprintf("DB_%d", i)
		want[name] = fmt.Sprintf(" %s\n%d ", value, i)
	}
	for name, text := range want {
		s.Put("team-"+name, text)
	}
	s.Put("OTHER", "without the prefix")
	names := append(slices.Sorted(maps.Keys(want)), "OTHER", "ABSENT", "../x", "x/versions/1", "DB_1", strings.Repeat("A", 255))
	got, err := store.Values(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if asked := len(s.Questions()); asked != len(want)+2 {
		t.Errorf("%d questions for %d names", asked, len(want)+2)
	}
	if most := s.Most(); most < 2 || most > 8 {
		t.Errorf("%d questions at once", most)
	}
}

func TestRemembersValuesButNotAbsence(t *testing.T) {
	account(t)
	now := time.Unix(0, 0)
	s := &gcptest.Service{}
	store := start(t, s, gcpsm.Options{TTL: time.Minute, Now: func() time.Time { return now }})
	expect := func(step string, want map[string]string) {
		t.Helper()
		got, err := store.Values(t.Context(), []string{"PW", "LATER"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	s.Put("PW", "first")
	expect("at first", map[string]string{"PW": "first"})
	s.Put("LATER", "new")
	s.Put("PW", "second")
	now = now.Add(59 * time.Second)
	expect("within the time to live", map[string]string{"PW": "first", "LATER": "new"})
	now = now.Add(time.Second)
	expect("after it", map[string]string{"PW": "second", "LATER": "new"})
}

func TestRetriesWhatMayWorkLater(t *testing.T) {
	account(t)
	for name, fault := range map[string]func(context.Context) error{
		"unavailable": func(context.Context) error { return status.Error(codes.Unavailable, value) },
		"throttling":  func(context.Context) error { return status.Error(codes.ResourceExhausted, value) },
		"internal":    func(context.Context) error { return status.Error(codes.Internal, value) },
		"hanging":     func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			s := &gcptest.Service{Fault: func(ctx context.Context, n int, _ string) error {
				if n < 3 {
					return fault(ctx)
				}
				return nil
			}}
			o := gcpsm.Options{}
			if name == "hanging" {
				o.AttemptTimeout = 700 * time.Millisecond
			}
			store := start(t, s, o)
			s.Put("PW", value)
			got, err := store.Values(t.Context(), []string{"PW"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"PW": value}, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if n := len(s.Questions()); n != 3 {
				t.Errorf("%d questions, want 3", n)
			}
		})
	}
}

// denial is how the service refuses, with what it says about it.
func denial(t *testing.T, reason, permission string) error {
	t.Helper()
	refused, err := status.New(codes.PermissionDenied, "it is "+value).WithDetails(&errdetails.ErrorInfo{
		Reason: reason, Domain: "googleapis.example", Metadata: map[string]string{"permission": permission},
	})
	if err != nil {
		t.Fatal(err)
	}
	return refused.Err()
}

func TestExplainsWhatDoesNotWork(t *testing.T) {
	account(t)
	for _, tc := range []struct {
		name  string
		fault error
		kind  remote.Kind
		asked int
		says  []string
	}{
		{"denied", denial(t, "IAM_PERMISSION_DENIED", "secretmanager.versions.access"), remote.Denied, 2, []string{"A, B: ", "secretmanager.versions.access", "acme-1", "secretAccessor"}},
		{"denied elsewhere", denial(t, "IAM_PERMISSION_DENIED", "cloudkms.cryptoKeyVersions.useToDecrypt"), remote.Denied, 2, []string{"cloudkms.cryptoKeyVersions.useToDecrypt"}},
		{"denied with a value for a permission", denial(t, "IAM_PERMISSION_DENIED", value), remote.Denied, 2, []string{"secretmanager.versions.access"}},
		{"denied without details", status.Error(codes.PermissionDenied, value), remote.Denied, 2, []string{"secretmanager.versions.access"}},
		{"API disabled", denial(t, "SERVICE_DISABLED", ""), remote.Denied, 2, []string{"not enabled", "acme-1"}},
		{"disabled version", status.Error(codes.FailedPrecondition, value), remote.Unusable, 2, []string{"A, B: ", "disabled"}},
		{"bad token", status.Error(codes.Unauthenticated, value), remote.Credentials, 2, []string{"GOOGLE_APPLICATION_CREDENTIALS"}},
		{"invalid", status.Error(codes.InvalidArgument, value), remote.Protocol, 2, []string{"InvalidArgument"}},
		{"throttling", status.Error(codes.ResourceExhausted, value), remote.Unavailable, 10, []string{"quota"}},
		{"down", status.Error(codes.Unavailable, value), remote.Unavailable, 10, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &gcptest.Service{Fault: func(context.Context, int, string) error { return tc.fault }}
			got, err := start(t, s, gcpsm.Options{}).Values(t.Context(), []string{"B", "A"})
			text := remotetest.Problem(t, err, tc.kind)
			if len(got) != 0 {
				t.Errorf("%d values", len(got))
			}
			if n := len(s.Questions()); n != tc.asked {
				t.Errorf("%d questions, want %d", n, tc.asked)
			}
			for _, says := range tc.says {
				if !strings.Contains(text, says) {
					t.Errorf("the error does not say %q: %s", says, text)
				}
			}
			if strings.Contains(text, "\n") {
				t.Errorf("more than one line for one problem:\n%s", text)
			}
		})
	}
}

func TestPartialAnswers(t *testing.T) {
	account(t)
	wrong := int64(1)
	for _, tc := range []struct {
		name    string
		payload *secretmanagerpb.SecretPayload
		fault   error
		kind    remote.Kind
	}{
		{"no payload", nil, nil, remote.Protocol},
		{"damaged", &secretmanagerpb.SecretPayload{Data: []byte(value), DataCrc32C: &wrong}, nil, remote.Unavailable},
		{"too large", &secretmanagerpb.SecretPayload{Data: []byte(strings.Repeat(value, 10_000))}, nil, remote.Unavailable},
		{"denied", nil, denial(t, "IAM_PERMISSION_DENIED", ""), remote.Denied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &gcptest.Service{Fault: func(_ context.Context, _ int, name string) error {
				if name == gcptest.Version("B") {
					return tc.fault
				}
				return nil
			}}
			s.PutPayload("B", tc.payload)
			store := start(t, s, gcpsm.Options{})
			s.Put("A", "fine")
			got, err := store.Values(t.Context(), []string{"A", "B"})
			if text := remotetest.Problem(t, err, tc.kind); !strings.HasPrefix(text, "B: ") {
				t.Errorf("the error does not name B: %s", text)
			}
			if diff := cmp.Diff(map[string]string{"A": "fine"}, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHangingServiceIsNotWaitedForForEver(t *testing.T) {
	account(t)
	s := &gcptest.Service{Fault: func(ctx context.Context, _ int, _ string) error { <-ctx.Done(); return ctx.Err() }}
	started := time.Now()
	_, err := start(t, s, gcpsm.Options{Timeout: 300 * time.Millisecond, AttemptTimeout: 100 * time.Millisecond}).Values(t.Context(), []string{"PW"})
	remotetest.Problem(t, err, remote.Unavailable)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) > 5*time.Second {
		t.Errorf("error = %v after %s", err, time.Since(started))
	}
}

func TestUnreachable(t *testing.T) {
	account(t)
	store := open(t, gcpsm.Options{Project: "acme-1", TTL: time.Second, Endpoint: "127.0.0.1:1", Backoff: time.Millisecond})
	remotetest.Problem(t, store.Check(t.Context()), remote.Unavailable)
}

func TestCheck(t *testing.T) {
	account(t)
	for name, tc := range map[string]struct {
		fault error
		kind  remote.Kind
	}{
		"absent":       {nil, ""},
		"denied":       {denial(t, "IAM_PERMISSION_DENIED", ""), ""},
		"API disabled": {denial(t, "SERVICE_DISABLED", ""), remote.Denied},
		"bad token":    {status.Error(codes.Unauthenticated, "x"), remote.Credentials},
	} {
		t.Run(name, func(t *testing.T) {
			s := &gcptest.Service{Fault: func(context.Context, int, string) error { return tc.fault }}
			remotetest.Problem(t, start(t, s, gcpsm.Options{Prefix: "team-"}).Check(t.Context()), tc.kind)
			if diff := cmp.Diff([]string{gcptest.Version("team-EXECUTOR_CHECK")}, s.Questions()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutCredentials(t *testing.T) {
	file := t.TempDir() + "/account.json"
	for name, prepare := range map[string]func() error{
		"absent": func() error { return nil },
		"broken": func() error { return os.WriteFile(file, []byte(`{"private_key": "`+value), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := prepare(); err != nil {
				t.Fatal(err)
			}
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
			remotetest.Problem(t, open(t, gcpsm.Options{Project: "acme-1", TTL: time.Second}).Check(t.Context()), remote.Credentials)
		})
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]gcpsm.Options{
		"no project":          {TTL: time.Second},
		"project with a path": {Project: "a/secrets/b", TTL: time.Second},
		"no time to live":     {Project: "acme-1"},
		"prefix with a path":  {Project: "acme-1", TTL: time.Second, Prefix: "a/b"},
		"a long prefix":       {Project: "acme-1", TTL: time.Second, Prefix: strings.Repeat("p", 255)},
	} {
		if _, err := gcpsm.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	store, err := gcpsm.New(gcpsm.Options{Project: "acme.example:acme-1", TTL: time.Second})
	if err != nil || store.ID() != "gcp-sm" || store.Close() != nil {
		t.Errorf("error = %v", err)
	}
}
