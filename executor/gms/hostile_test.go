package gms_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

// calls are all of the client's, made as an executor makes them.
var calls = map[string]func(context.Context, *gms.Client) error{
	"Config": func(ctx context.Context, c *gms.Client) error { _, err := c.Config(ctx); return err },
	"Check":  func(ctx context.Context, c *gms.Client) error { _, err := c.Check(ctx); return err },
	"Propose": func(ctx context.Context, c *gms.Client) error {
		return c.Propose(ctx, running)
	},
	"Aspect": func(ctx context.Context, c *gms.Client) error {
		_, _, err := c.Aspect(ctx, gms.RunURN("r"), gms.ResultAspect)
		return err
	},
	"GraphQL": func(ctx context.Context, c *gms.Client) error {
		var data struct{ A int }
		return c.GraphQL(ctx, "{ a }", nil, &data)
	},
	"Secrets": func(ctx context.Context, c *gms.Client) error {
		_, err := c.Secrets(ctx, []string{"A"})
		return err
	},
	"Requests": func(ctx context.Context, c *gms.Client) error {
		_, err := c.Requests(ctx, gms.RequestQuery{})
		return err
	},
	"Timeseries": func(ctx context.Context, c *gms.Client) error {
		_, err := c.Timeseries(ctx, gms.TimeseriesQuery{URN: "urn:li:dataset:x", EntityType: "dataset", Aspect: "operation"})
		return err
	},
}

// eachCall answers every call with the same.
func eachCall(t *testing.T, answer http.HandlerFunc, o gms.Options, check func(t *testing.T, err error)) {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	o.URL, o.Retries = server.URL, -1
	c := newClient(t, o)
	for name, call := range calls {
		t.Run(name, func(t *testing.T) { check(t, call(t.Context(), c)) })
	}
}

func TestAnswersOfAnotherKind(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"login page":     "<html><body>please log in</body></html>",
		"null":           "null",
		"number":         "1",
		"list":           "[1,2]",
		"list of null":   "[null]",
		"empty object":   "{}",
		"cut":            `{"value":`,
		"two values":     `{"value":"success"}{"value":"success"}`,
		"wrong types":    `{"noCode":true,"data":[],"errors":"x","value":null,"entities":"x"}`,
		"null data":      `{"data":null}`,
		"data of others": `{"data":{"getSecretValues":5,"listExecutionRequests":[],"a":"x"},"value":null}`,
		"deep":           strings.Repeat(`{"data":`, 100_000),
		"not UTF-8":      "\xff\xfe\x00",
		"entity of none": `[{"dataHubExecutionRequestResult":{"value":{}}}]`,
		"aspect of none": `[{"urn":"urn:li:dataHubExecutionRequest:r","dataHubExecutionRequestResult":{"value":7}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			eachCall(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }, gms.Options{},
				func(t *testing.T, err error) {
					if gms.KindOf(err) != gms.Protocol {
						t.Fatalf("error = %v", err)
					}
					if len(err.Error()) > 4096 {
						t.Errorf("an error of %d bytes", len(err.Error()))
					}
				})
		})
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnswersWithoutEnd(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(z, zeros{}, 80<<20); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	eachCall(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}, gms.Options{}, func(t *testing.T, err error) {
		if gms.KindOf(err) != gms.Protocol {
			t.Errorf("error = %v", err)
		}
	})
}

func TestSlowAnswers(t *testing.T) {
	eachCall(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	}, gms.Options{Timeout: 30 * time.Millisecond}, func(t *testing.T, err error) {
		if gms.KindOf(err) != gms.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
	})
}

// A server may repeat what it was sent in any place; errors end up in logs and
// in reports.
func TestNoCredentialInErrors(t *testing.T) {
	const secret = "token-of-the-test"
	echo := func(r *http.Request) string { return r.Header.Get("Authorization") }
	for name, answer := range map[string]http.HandlerFunc{
		"text":    func(w http.ResponseWriter, r *http.Request) { http.Error(w, "bad: "+echo(r), 400) },
		"message": func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{"message":"bad `+echo(r)+`"}`, 422) },
		"error":   func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{"error":"`+echo(r)+`"}`, 403) },
		"escaped": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, `{"message":"`+strings.ReplaceAll(echo(r), "t", `\u0074`)+`"}`, 400)
		},
		"value only": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, strings.TrimPrefix(echo(r), "Bearer "), 500)
		},
		"many times": func(w http.ResponseWriter, r *http.Request) { http.Error(w, strings.Repeat(echo(r), 10_000), 400) },
		"query": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"errors":[{"message":"not for `+echo(r)+`"}]}`)
		},
		"not JSON": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(r)) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://x.example/?t="+secret, http.StatusFound)
		},
		"redirect of none": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+secret+":1/", http.StatusTemporaryRedirect)
		},
		"header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", echo(r))
			http.Error(w, "", 503)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachCall(t, answer, gms.Options{}, func(t *testing.T, err error) {
				if err == nil {
					t.Fatal("no error")
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					if strings.Contains(e.Error(), secret) {
						t.Errorf("error shows the token: %v", e)
					}
				}
			})
		})
	}
}
