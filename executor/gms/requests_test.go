package gms_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

func TestRequests(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old=%t", old), func(t *testing.T) {
			server, c := start(t, gmstest.Options{Now: func() time.Time { return now }})
			if old {
				server.SetGeneration(gmstest.WithoutLists)
			}
			at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
			for i := range 250 {
				pool := "default"
				if i%2 == 1 {
					pool = "remote"
				}
				server.AddRequest(fmt.Sprintf("run-%03d", i), map[string]any{"executorId": pool, "requestedAt": at(i).UnixMilli()})
			}
			server.SetResult("run-249", map[string]any{"status": "RUNNING"})
			server.Put(gmstest.URN("half"), gms.SignalAspect, map[string]any{"signal": "KILL"}) // without an input

			all, err := c.Requests(t.Context(), gms.RequestQuery{})
			if err != nil {
				t.Fatal(err)
			}
			want := gms.RequestSummary{
				URN: gms.RunURN("run-249"), ID: "run-249", Task: "RUN_INGEST", Pool: "remote", RequestedAt: at(249), Status: "RUNNING",
			}
			if len(all) != 250 || !cmp.Equal(want, all[0]) {
				t.Errorf("%d requests, the first of them %+v", len(all), all[0])
			}
			newestFirst := func(a, b gms.RequestSummary) int { return b.RequestedAt.Compare(a.RequestedAt) }
			if !slices.IsSortedFunc(all, newestFirst) {
				t.Error("not the newest first")
			}
			for name, tc := range map[string]struct {
				q    gms.RequestQuery
				want int
			}{
				"since":            {gms.RequestQuery{Since: at(130)}, 120},
				"limit":            {gms.RequestQuery{Limit: 7}, 7},
				"pool":             {gms.RequestQuery{Pool: "remote"}, 125},
				"all three":        {gms.RequestQuery{Pool: "remote", Since: at(240), Limit: 3}, 3},
				"nothing that new": {gms.RequestQuery{Since: at(1000)}, 0},
			} {
				got, err := c.Requests(t.Context(), tc.q)
				if err != nil || len(got) != tc.want {
					t.Errorf("%s: %d requests, not %d: %v", name, len(got), tc.want, err)
				}
			}
		})
	}
}

// What search does not know yet, the store does.
func TestRequestsComeLate(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	server, c := start(t, gmstest.Options{Now: func() time.Time { return now }})
	server.SetStaleness(5 * time.Second)
	server.AddRequest("run-1", nil)
	for _, want := range []int{0, 1} {
		got, err := c.Requests(t.Context(), gms.RequestQuery{})
		if err != nil || len(got) != want {
			t.Errorf("%d requests, not %d: %v", len(got), want, err)
		}
		if _, found, err := c.Aspect(t.Context(), gms.RunURN("run-1"), gms.InputAspect); err != nil || !found {
			t.Errorf("found = %t, %v", found, err)
		}
		now = now.Add(5 * time.Second)
	}
}

func TestRequestsOfAServerWithoutAnyList(t *testing.T) {
	server, c := start(t, nothing)
	server.SetGeneration(gmstest.WithoutV3)
	if _, err := c.Requests(t.Context(), gms.RequestQuery{}); gms.KindOf(err) != gms.NotFound {
		t.Errorf("error = %v", err)
	}
}
