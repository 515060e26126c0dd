package secret_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/secret"
)

// fake is a store with fixed values that records what it was asked for.
type fake struct {
	id     string
	values map[string]string
	err    error
	asked  [][]string
}

func (f *fake) ID() string { return f.id }

func (f *fake) Values(_ context.Context, names []string) (map[string]string, error) {
	f.asked = append(f.asked, names)
	values := map[string]string{}
	for _, name := range names {
		if value, ok := f.values[name]; ok {
			values[name] = value
		}
	}
	return values, f.err
}

func TestLaterStoresOverrule(t *testing.T) {
	low := &fake{id: "env", values: map[string]string{"A": "low-a", "B": "low-b"}}
	high := &fake{id: "file", values: map[string]string{"A": "high-a", "EMPTY": ""}}
	r := secret.Resolver{Stores: []secret.Store{low, high}}
	got, err := r.Resolve(t.Context(), append(required("A", "B", "EMPTY"), secret.Reference{Name: "OPTIONAL"}))
	if err != nil {
		t.Fatal(err)
	}
	want := &secret.Resolved{
		Values: map[string]string{"A": "high-a", "B": "low-b", "EMPTY": ""},
		From:   map[string]string{"A": "file", "B": "env", "EMPTY": "file"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resolved (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"B", "OPTIONAL"}}, low.asked); diff != "" {
		t.Errorf("the lower store was asked (-want +got):\n%s", diff)
	}
}

func TestNamesWhatHasNoValue(t *testing.T) {
	stores := []secret.Store{&fake{id: "env"}, &fake{id: "file", values: map[string]string{"A": "hunter22"}}}
	_, err := secret.Resolver{Stores: stores}.Resolve(t.Context(), required("C", "A", "B"))
	var unresolved *secret.Unresolved
	if !errors.As(err, &unresolved) {
		t.Fatalf("error = %v", err)
	}
	if diff := cmp.Diff(&secret.Unresolved{Names: []string{"B", "C"}, Stores: []string{"file", "env"}}, unresolved); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = secret.Resolver{}.Resolve(t.Context(), required("A"))
	if !errors.As(err, &unresolved) {
		t.Errorf("without stores: %v", err)
	}
}

func TestAStoreThatCannotAnswerFailsTheRun(t *testing.T) {
	down := errors.New("down")
	low := &fake{id: "env", values: map[string]string{"A": "stale"}}
	r := secret.Resolver{Stores: []secret.Store{low, &fake{id: "aws-sm", err: down}}}
	_, err := r.Resolve(t.Context(), required("A"))
	var store *secret.StoreError
	if !errors.As(err, &store) || store.Store != "aws-sm" || !errors.Is(err, down) {
		t.Errorf("error = %v", err)
	}
	// A store below one that had everything is not asked, and cannot fail.
	r.Stores = []secret.Store{&fake{id: "aws-sm", err: down}, low}
	if _, err := r.Resolve(t.Context(), required("A")); err != nil {
		t.Errorf("error = %v", err)
	}
}

type hanging struct{}

func (hanging) ID() string { return "hanging" }

func (hanging) Values(ctx context.Context, _ []string) (map[string]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestASlowStoreIsNotWaitedForForEver(t *testing.T) {
	r := secret.Resolver{Stores: []secret.Store{hanging{}}, Timeout: time.Millisecond}
	if _, err := r.Resolve(t.Context(), required("A")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
}

func TestRefusesUnusableValues(t *testing.T) {
	for name, value := range map[string]string{
		"large":     strings.Repeat("hunter22", secret.MaxValueBytes/8+1),
		"not UTF-8": "hunter22\xff",
		"zero byte": "hunter22\x00",
	} {
		t.Run(name, func(t *testing.T) {
			r := secret.Resolver{Stores: []secret.Store{&fake{id: "file", values: map[string]string{"A": value}}}}
			_, err := r.Resolve(t.Context(), required("A"))
			if !errors.Is(err, secret.ErrValue) {
				t.Fatalf("error = %v, want %v", err, secret.ErrValue)
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Error("the error shows the value")
			}
		})
	}
}

func TestNamesDocuments(t *testing.T) {
	r := secret.Resolver{Stores: []secret.Store{&fake{id: "aws-sm", values: map[string]string{
		"OBJECT": ` {"password": "x"}`, "LIST": "[1]", "NUMBER": "12", "BROKEN": "{", "TEXT": "x",
	}}}}
	got, err := r.Resolve(t.Context(), required("OBJECT", "LIST", "NUMBER", "BROKEN", "TEXT"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"LIST", "OBJECT"}, got.Documents); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

func TestEnvGivesWhatIsAllowed(t *testing.T) {
	environ := []string{"DB_PW=one=1", "DB_USER=two", "DB_USER=again", "DATAHUB_GMS_TOKEN=three", "OTHER=four", "odd"}
	names := []string{"DB_PW", "DB_USER", "DATAHUB_GMS_TOKEN", "OTHER", "ABSENT", "odd"}
	for _, tc := range []struct {
		allow []string
		want  map[string]string
	}{
		{nil, map[string]string{}},
		{[]string{"DB_*"}, map[string]string{"DB_PW": "one=1", "DB_USER": "two"}},
		{[]string{"DB_"}, map[string]string{}},
		{[]string{"OTHER"}, map[string]string{"OTHER": "four"}},
		{[]string{"*"}, map[string]string{"DB_PW": "one=1", "DB_USER": "two", "OTHER": "four"}},
		{[]string{"DATAHUB_GMS_TOKEN"}, map[string]string{"DATAHUB_GMS_TOKEN": "three"}},
	} {
		got, err := secret.Env{Environ: environ, Allow: tc.allow}.Values(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("allowing %q (-want +got):\n%s", tc.allow, diff)
		}
	}
}
