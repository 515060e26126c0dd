package gms_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// failing is a source that gives no credential for some time.
type failing struct {
	err   error
	times int
}

func (f *failing) Invalidate() {}
func (f *failing) Header(context.Context) (string, error) {
	if f.times--; f.times >= 0 {
		return "", fmt.Errorf("%w: the identity provider said no", f.err)
	}
	return credential, nil
}

func TestWithoutACredential(t *testing.T) {
	for _, tc := range []struct {
		source *failing
		want   about
		asked  int
	}{
		{&failing{auth.ErrUnavailable, 2}, about{}, 1},
		{&failing{auth.ErrUnavailable, 9}, about{Kind: gms.Unavailable, Attempts: 3}, 0},
		{&failing{auth.ErrRefused, 9}, about{Kind: gms.Unauthorized, Attempts: 1}, 0},
	} {
		server := gmstest.Start(t, nothing)
		c := newClient(t, gms.Options{URL: server.URL(), Auth: tc.source, Retries: 2})
		err := c.Propose(t.Context(), running)
		if (err == nil) != (tc.want == about{}) {
			t.Fatalf("error = %v", err)
		}
		if err != nil {
			if diff := cmp.Diff(tc.want, tell(t, err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if !errors.Is(err, tc.source.err) {
				t.Errorf("%v does not wrap the source's error", err)
			}
		}
		if n := len(server.Exchanges()); n != tc.asked {
			t.Errorf("%d requests, not %d", n, tc.asked)
		}
	}
}

// The system client's credential has parts, each of which is one.
func TestNoPartOfTheSystemClientInErrors(t *testing.T) {
	system, err := auth.SystemClient("__datahub_system", "hunter22")
	if err != nil {
		t.Fatal(err)
	}
	server := gmstest.Start(t, nothing)
	c := newClient(t, gms.Options{URL: server.URL(), Auth: system})
	server.Fail(gmstest.Fault{Status: http.StatusBadRequest, Text: `{"message":"neither __datahub_system:hunter22 nor hunter22 are known"}`})
	var e *gms.Error
	if err := c.Propose(t.Context(), running); !errors.As(err, &e) {
		t.Fatal(err)
	}
	if want := "neither [redacted] nor [redacted] are known"; e.Detail != want {
		t.Errorf("detail %q, not %q", e.Detail, want)
	}
}

func TestDetailIsOneHarmlessLine(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`{"message":"two\nlines\r\n\u001b[31mred\u0000"}`, "two lines [31mred"},
		{`{"error":"Not Found"}`, "Not Found"},
		{`{"error":{"code":5}}`, `{"error":{"code":5}}`},
		{`{"message":"","error":"x"}`, "x"},
		{"\xff\xfe text", "\ufffd text"},
		{strings.Repeat("ü", 5000), strings.Repeat("ü", 1022) + "..."},
	} {
		server, c := start(t, nothing)
		server.Fail(gmstest.Fault{Status: http.StatusBadRequest, Text: tc.text})
		var e *gms.Error
		if err := c.Propose(t.Context(), running); !errors.As(err, &e) {
			t.Fatal(err)
		}
		if e.Detail != tc.want || len(e.Detail) > 2048 || !utf8.ValidString(e.Detail) {
			t.Errorf("detail %q of %q", e.Detail, tc.text)
		}
	}
}

// What an older server says has to be an aspect as well.
func TestOldServersAreJudged(t *testing.T) {
	for text, want := range map[string]gms.Kind{
		`{"version":0,"aspect":{"com.linkedin.execution.ExecutionRequestResult":{"status":"SUCCESS"}}}`: "",
		`{"version":0,"aspect":{}}`: gms.Protocol,
		`{"aspect":[1]}`:            gms.Protocol,
		`{"aspect":{"x":null}}`:     gms.Protocol,
		`{"aspect":{"x":1,"y":2}}`:  gms.Protocol,
		`{}`:                        gms.Protocol,
		`null`:                      gms.Protocol,
		`<html>`:                    gms.Protocol,
	} {
		server, c := start(t, nothing)
		server.SetGeneration(gmstest.WithoutV3)
		server.Fail(gmstest.Fault{Path: "/aspects/", Status: 200, Text: text})
		if _, found, err := c.Aspect(t.Context(), gms.RunURN("r"), gms.ResultAspect); gms.KindOf(err) != want || found != (want == "") {
			t.Errorf("%s: found = %t, %v", text, found, err)
		}
	}
	server, c := start(t, nothing)
	server.SetGeneration(gmstest.WithoutV3)
	server.Fail(gmstest.Fault{Path: "/aspects/", Status: http.StatusForbidden})
	if _, _, err := c.Aspect(t.Context(), gms.RunURN("r"), gms.ResultAspect); gms.KindOf(err) != gms.Forbidden {
		t.Errorf("error = %v", err)
	}
}
