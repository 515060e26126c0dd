package awssm_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/awstest"
	"github.com/lockforge/lockforge/executor/internal/remotetest"
	"github.com/lockforge/lockforge/executor/secret/awssm"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

// between stands in front of the service: fault answers the request with the
// number n, from 1, unless it returns false.
func between(t *testing.T, endpoint string, fault func(n int64, w http.ResponseWriter, r *http.Request) bool) (address string, asked *atomic.Int64) {
	t.Helper()
	var next http.Handler = http.NotFoundHandler()
	if endpoint != "" {
		target, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		next = httputil.NewSingleHostReverseProxy(target)
	}
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fault(asked.Add(1), w, r) {
			next.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	body, _ := json.Marshal(map[string]string{"__type": code, "message": "it is " + value})
	_, _ = w.Write(body)
	return true
}

func TestRetriesWhatMayWorkLater(t *testing.T) {
	endpoint := awstest.URL(t)
	as(t, "test", "test")
	awstest.Create(t, endpoint, awstest.Text("PW", value))
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"throttling":         func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 400, "ThrottlingException") },
		"out of order":       func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 500, "InternalServiceError") },
		"unavailable":        func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true },
		"connection dropped": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"hanging": func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, asked := between(t, endpoint, func(n int64, w http.ResponseWriter, r *http.Request) bool { return n < 3 && fault(w, r) })
			o := awssm.Options{Endpoint: address}
			if name == "hanging" {
				o.AttemptTimeout = 700 * time.Millisecond
			}
			got, err := open(t, o).Values(t.Context(), []string{"PW"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"PW": value}, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if n := asked.Load(); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
		})
	}
}

func TestGivesUp(t *testing.T) {
	as(t, "test", "test")
	for _, tc := range []struct {
		name     string
		kind     remote.Kind
		fault    func(http.ResponseWriter, *http.Request) bool
		attempts int64
		ended    error
	}{
		{"throttling", remote.Unavailable, func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 400, "ThrottlingException") }, 5, nil},
		{"out of order", remote.Unavailable, func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 500, "InternalServiceError") }, 5, nil},
		{"a proxy's 502", remote.Unavailable, func(w http.ResponseWriter, _ *http.Request) bool { http.Error(w, value, 502); return true }, 5, nil},
		{"denied", remote.Denied, func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 400, "AccessDeniedException") }, 1, nil},
		{"expired", remote.Credentials, func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 400, "ExpiredTokenException") }, 1, nil},
		{"invalid", remote.Protocol, func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 400, "ValidationException") }, 1, nil},
		{"a code that quotes", remote.Protocol, func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, 400, value+" is wrong") }, 1, nil},
		{"no JSON", remote.Protocol, func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, value); return true }, 1, nil},
		{"wrong types", remote.Protocol, func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"SecretValues":[{"Name":"PW","SecretString":{"`+value+`":"`+value+`"}}]}`)
			return true
		}, 1, nil},
		{"cut off", remote.Protocol, func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"SecretValues":[{"Name":"PW","SecretString":"`+value)
			return true
		}, 1, nil},
		{"endless", remote.Protocol, endless, 1, nil},
		{"hanging", remote.Unavailable, func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return true
		}, 0, context.DeadlineExceeded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address, asked := between(t, "", func(_ int64, w http.ResponseWriter, r *http.Request) bool { return tc.fault(w, r) })
			started := time.Now()
			o := awssm.Options{Endpoint: address}
			if tc.ended != nil {
				o.Timeout, o.AttemptTimeout = 500*time.Millisecond, 200*time.Millisecond
			}
			got, err := open(t, o).Values(t.Context(), []string{"PW"})
			remotetest.Problem(t, err, tc.kind)
			if len(got) != 0 {
				t.Errorf("%d values", len(got))
			}
			if n := asked.Load(); tc.attempts > 0 && n != tc.attempts {
				t.Errorf("%d requests, want %d", n, tc.attempts)
			}
			if tc.ended != nil && !errors.Is(err, tc.ended) {
				t.Errorf("error = %v, want %v", err, tc.ended)
			}
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) bool {
	_, _ = io.WriteString(w, `{"SecretValues":[{"Name":"PW","SecretString":"`)
	chunk := strings.Repeat("x", 1<<20)
	for range 17 {
		if _, err := io.WriteString(w, chunk); err != nil {
			break
		}
	}
	_, _ = io.WriteString(w, `"}]}`)
	return true
}

// answers gives each request the next of some answers, and the last one again.
func answers(t *testing.T, bodies ...string) (address string, asked *atomic.Int64) {
	t.Helper()
	return between(t, "", func(n int64, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, bodies[min(int(n), len(bodies))-1])
		return true
	})
}

func TestPartialAndOddAnswers(t *testing.T) {
	as(t, "test", "test")
	const (
		a      = `{"Name":"A","SecretString":"` + value + `a"}`
		b      = `{"Name":"B","SecretString":"` + value + `b"}`
		denied = `{"SecretId":"B","ErrorCode":"AccessDeniedException","Message":"User: arn:aws:sts::123456789012:assumed-role/executor/i-1 is not authorized to perform: secretsmanager:GetSecretValue on resource: B"}`
		kms    = `{"SecretId":"B","ErrorCode":"AccessDeniedException","Message":"Access to KMS is not allowed, ` + value + `"}`
		sealed = `{"SecretId":"B","ErrorCode":"DecryptionFailure","Message":"` + value + `"}`
		absent = `{"SecretId":"B","ErrorCode":"ResourceNotFoundException","Message":"x"}`
	)
	for _, tc := range []struct {
		name   string
		bodies []string
		want   []string // names with a value
		kind   remote.Kind
		says   string
	}{
		{"two pages", []string{`{"SecretValues":[` + a + `],"NextToken":"t"}`, `{"SecretValues":[` + b + `]}`}, []string{"A", "B"}, "", ""},
		{"absent", []string{`{"SecretValues":[` + a + `],"Errors":[` + absent + `]}`}, []string{"A"}, "", ""},
		{"one left out", []string{`{"SecretValues":[` + a + `]}`}, []string{"A"}, remote.Protocol, "B: "},
		{"all left out", []string{`{}`}, nil, remote.Protocol, "A, B: "},
		{"pages without end", []string{`{"SecretValues":[` + a + `],"NextToken":"t"}`}, []string{"A"}, remote.Protocol, "pages"},
		{"not asked for", []string{`{"SecretValues":[` + a + `,` + b + `,{"Name":"C","SecretString":"c"},{}],"Errors":[{},{"SecretId":"D","ErrorCode":"X"}]}`}, []string{"A", "B"}, "", ""},
		{"null for a value", []string{`{"SecretValues":[` + a + `,{"Name":"B","SecretString":null}]}`}, []string{"A"}, remote.Unusable, "B: "},
		{"one denied", []string{`{"SecretValues":[` + a + `],"Errors":[` + denied + `]}`}, []string{"A"}, remote.Denied,
			"B: arn:aws:sts::123456789012:assumed-role/executor/i-1 lacks the permission secretsmanager:GetSecretValue"},
		{"one denied by its key", []string{`{"SecretValues":[` + a + `],"Errors":[` + kms + `]}`}, []string{"A"}, remote.Denied, "kms:Decrypt"},
		{"one not decrypted", []string{`{"SecretValues":[` + a + `],"Errors":[` + sealed + `]}`}, []string{"A"}, remote.Denied, "kms:Decrypt"},
		{"first answer counts", []string{`{"SecretValues":[` + a + `,` + b + `],"Errors":[` + denied + `]}`}, []string{"A", "B"}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address, _ := answers(t, tc.bodies...)
			got, err := open(t, awssm.Options{Endpoint: address}).Values(t.Context(), []string{"A", "B"})
			if says := remotetest.Problem(t, err, tc.kind); !strings.Contains(says, tc.says) {
				t.Errorf("the error does not say %q: %s", tc.says, says)
			}
			want := map[string]string{}
			for _, name := range tc.want {
				want[name] = value + strings.ToLower(name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOneMissingPermissionIsOneLine(t *testing.T) {
	as(t, "test", "test")
	var items []string
	var names []string
	for _, name := range []string{"C", "B", "A"} {
		names = append(names, name)
		items = append(items, `{"SecretId":"`+name+`","ErrorCode":"AccessDeniedException"}`)
	}
	address, asked := answers(t, `{"Errors":[`+strings.Join(items, ",")+`]}`)
	_, err := open(t, awssm.Options{Endpoint: address}).Values(t.Context(), names)
	if got := remotetest.Problem(t, err, remote.Denied); !strings.HasPrefix(got, "A, B, C: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error = %v", err)
	}
	if asked.Load() != 1 {
		t.Errorf("%d requests", asked.Load())
	}
}

func TestCheckAllowsForGrantsPerSecret(t *testing.T) {
	as(t, "test", "test")
	for code, kind := range map[string]remote.Kind{"AccessDeniedException": "", "ResourceNotFoundException": "", "InternalFailure": remote.Unavailable} {
		address, _ := answers(t, `{"Errors":[{"SecretId":"p/EXECUTOR_CHECK","ErrorCode":"`+code+`"}]}`)
		remotetest.Problem(t, open(t, awssm.Options{Endpoint: address, Prefix: "p/"}).Check(t.Context()), kind)
	}
}
