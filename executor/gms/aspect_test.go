package gms_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

func TestAspects(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_123)
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old=%t", old), func(t *testing.T) {
			server, c := start(t, gmstest.Options{Now: func() time.Time { return now }})
			if old {
				server.SetGeneration(gmstest.WithoutV3)
			}
			server.AddRequest("a", nil)
			server.AddRequest("b", nil)
			server.SetResult("b", map[string]any{"status": "RUNNING"})
			server.SetResult("b", map[string]any{"status": "FAILURE"})
			got, err := c.Aspects(t.Context(), []string{gms.RunURN("a"), gms.RunURN("b"), gms.RunURN("c")}, gms.InputAspect, gms.ResultAspect)
			if err != nil {
				t.Fatal(err)
			}
			names := map[string][]string{}
			for urn, aspects := range got {
				names[urn] = slices.Sorted(maps.Keys(aspects))
			}
			want := map[string][]string{
				gms.RunURN("a"): {gms.InputAspect},
				gms.RunURN("b"): {gms.InputAspect, gms.ResultAspect},
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			result := gms.Aspect{Value: []byte(`{"status":"FAILURE"}`), LastObserved: now, Version: "2"}
			if old {
				result.LastObserved, result.Version = time.Time{}, ""
			}
			if diff := cmp.Diff(result, got[gms.RunURN("b")][gms.ResultAspect]); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAspectsOfNothing(t *testing.T) {
	server, c := start(t, nothing)
	if got, err := c.Aspects(t.Context(), nil, gms.ResultAspect); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	for name, urns := range map[string][]string{
		"no urn":    {"run-1"},
		"no letter": {"urn:li:1x:y"},
		"no key":    {"urn:li:dataset:"},
		"path":      {"urn:li:../../config:x"},
		"two types": {gms.RunURN("a"), "urn:li:dataset:b"},
		"too many":  slices.Repeat([]string{gms.RunURN("a")}, gms.MaxBatch+1),
	} {
		if _, err := c.Aspects(t.Context(), urns, gms.ResultAspect); gms.KindOf(err) != gms.Rejected {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	if n := len(server.Exchanges()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A run without a result is started. A wrong address must not look like that.
func TestAbsenceIsNotAWrongAddress(t *testing.T) {
	server := gmstest.Start(t, gmstest.Options{Base: "/gms"})
	server.SetResult("run-1", map[string]any{"status": "SUCCESS"})
	for _, base := range []string{"", "/gm", "/gms/api"} {
		url := server.URL()[:len(server.URL())-len("/gms")] + base
		_, found, err := newClient(t, gms.Options{URL: url}).Aspect(t.Context(), gms.RunURN("run-1"), gms.ResultAspect)
		if gms.KindOf(err) != gms.NotFound || found {
			t.Errorf("%q: found = %t, %v", base, found, err)
		}
	}
	// The proxy before it may answer for it.
	server.Fail(gmstest.Fault{Status: http.StatusNotFound, Text: `{"message":"no route"}`})
	if _, found, err := newClient(t, gms.Options{URL: server.URL()}).Aspect(t.Context(), gms.RunURN("run-1"), gms.ResultAspect); gms.KindOf(err) != gms.NotFound || found {
		t.Errorf("found = %t, %v", found, err)
	}
}

func TestCheck(t *testing.T) {
	server := gmstest.Start(t, gmstest.Options{Base: "/gms", Credentials: []string{credential}})
	good := newClient(t, gms.Options{URL: server.URL() + "/"})
	config, err := good.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := gms.ServerConfig{Version: "v1.7.0", ServerType: "quickstart", DefaultCLIVersion: "1.7.0.17"}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	bad := newClient(t, gms.Options{URL: server.URL(), Auth: &rotating{}})
	if _, err := bad.Config(t.Context()); err != nil {
		t.Errorf("the configuration needs no credential: %v", err)
	}
	if _, err := bad.Check(t.Context()); gms.KindOf(err) != gms.Unauthorized {
		t.Errorf("error = %v", err)
	}
	server.Fail(gmstest.Fault{Path: "batchGet", Status: http.StatusForbidden})
	if _, err := good.Check(t.Context()); gms.KindOf(err) != gms.Forbidden {
		t.Errorf("error = %v", err)
	}
	server.Fail(gmstest.Fault{Path: "config", Status: 200, Text: `{"noCode":"true","remoteExecutorBackend":{"enabled":true}}`})
	if config, err := good.Config(t.Context()); err != nil || !config.RemoteExecutorBackend {
		t.Errorf("config = %+v, %v", config, err)
	}
}

func TestTimeseries(t *testing.T) {
	_, c := start(t, nothing)
	const urn = "urn:li:dataset:(urn:li:dataPlatform:mysql,db.t,PROD)"
	for i := range 5 {
		value := fmt.Sprintf(`{"timestampMillis":%d,"rowCount":%d}`, 1000*(i+1), i)
		p := gms.Proposal{EntityType: "dataset", URN: urn, Aspect: "datasetProfile", Value: []byte(value)}
		if err := c.Propose(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		q    gms.TimeseriesQuery
		want []string
	}{
		"two":    {gms.TimeseriesQuery{Limit: 2}, []string{`{"timestampMillis":5000,"rowCount":4}`, `{"timestampMillis":4000,"rowCount":3}`}},
		"window": {gms.TimeseriesQuery{Start: time.UnixMilli(2000), End: time.UnixMilli(2500)}, []string{`{"timestampMillis":2000,"rowCount":1}`}},
		"none":   {gms.TimeseriesQuery{Start: time.UnixMilli(9000)}, nil},
	} {
		tc.q.URN, tc.q.EntityType, tc.q.Aspect = urn, "dataset", "datasetProfile"
		values, err := c.Timeseries(t.Context(), tc.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, v := range values {
			got = append(got, string(v))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: values (-want +got):\n%s", name, diff)
		}
	}
}
