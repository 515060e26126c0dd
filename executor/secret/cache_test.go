package secret_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/secret"
)

func TestCache(t *testing.T) {
	for _, tc := range []struct {
		name    string
		missing bool
		asked   [][]string
	}{
		{"without absent names", false, [][]string{{"A", "B"}, {"B"}, {"A", "B"}}},
		{"with absent names", true, [][]string{{"A", "B"}, {"A", "B"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Unix(0, 0)
			store := &fake{id: "aws-sm", values: map[string]string{"A": "a"}}
			cache, err := secret.NewCache(store, secret.CacheOptions{TTL: time.Minute, Missing: tc.missing, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			for _, later := range []time.Duration{0, 59 * time.Second, time.Second} {
				now = now.Add(later)
				got, err := cache.Values(t.Context(), []string{"A", "B"})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(map[string]string{"A": "a"}, got); diff != "" {
					t.Errorf("values (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(tc.asked, store.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCacheKeepsNoErrorAndNoMoreThanItMay(t *testing.T) {
	store := &fake{id: "aws-sm", values: map[string]string{"A": "a", "B": "b"}, err: errors.New("down")}
	cache, err := secret.NewCache(store, secret.CacheOptions{TTL: time.Minute, Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Values(t.Context(), []string{"A"}); err == nil {
		t.Error("the store's error is lost")
	}
	store.err = nil
	for range 2 {
		if _, err := cache.Values(t.Context(), []string{"A", "B"}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([][]string{{"A"}, {"A", "B"}, {"B"}}, store.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestCacheNeedsATimeToLive(t *testing.T) {
	if _, err := secret.NewCache(&fake{}, secret.CacheOptions{}); err == nil {
		t.Error("no error")
	}
}

func TestPrefixed(t *testing.T) {
	store := &fake{id: "gcp-sm", values: map[string]string{"team-A": "a", "B": "b"}}
	p, err := secret.NewPrefixed(store, "team-")
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Values(t.Context(), []string{"A", "B"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "a"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if _, err := secret.NewPrefixed(store, "a/b"); !errors.Is(err, secret.ErrPrefix) {
		t.Errorf("error = %v", err)
	}
}
