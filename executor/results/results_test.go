package results_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/results"
	"github.com/lockforge/lockforge/executor/worker"
)

func server(t testing.TB, url string) results.Server {
	t.Helper()
	client, err := gms.New(gms.Options{URL: url, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return results.Server{Client: client}
}

func TestWriteAndRead(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	peer.AddRequest("a", nil)
	s := server(t, peer.URL())
	if _, found, err := s.Result(t.Context(), "a"); found || err != nil {
		t.Fatalf("found %v, error %v", found, err)
	}
	claim := worker.Result{Status: worker.StatusRunning, StartTimeMS: 1, Report: "Task claimed"}
	if err := s.Write(t.Context(), "a", claim, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), "a", claim, true); !errors.Is(err, worker.ErrExists) {
		t.Errorf("got %v", err)
	}
	end := worker.Result{
		Status: worker.StatusSuccess, StartTimeMS: 1, DurationMS: 2, Report: "größer\n\x01\"\U0001F600",
		Structured: &worker.Structured{Type: "RUN_INGEST", Serialized: `{"cli":{}}`, ContentType: "application/json"},
	}
	if err := s.Write(t.Context(), "a", end, false); err != nil {
		t.Fatal(err)
	}
	got, found, err := s.Result(t.Context(), "a")
	if diff := cmp.Diff(end, got); diff != "" || !found || err != nil {
		t.Errorf("found %v, error %v: %s", found, err, diff)
	}
	if err := s.Write(t.Context(), "a", claim, false); !errors.Is(err, worker.ErrImmutable) {
		t.Errorf("got %v", err)
	}
}

func TestErrors(t *testing.T) {
	all := []error{worker.ErrExists, worker.ErrImmutable, worker.ErrRefused, worker.ErrTooLarge}
	for status, want := range map[int]error{
		http.StatusRequestEntityTooLarge: worker.ErrTooLarge, http.StatusUnprocessableEntity: worker.ErrRefused, http.StatusBadRequest: worker.ErrRefused,
		http.StatusUnauthorized: nil, http.StatusForbidden: nil, http.StatusNotFound: nil, http.StatusServiceUnavailable: nil,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			peer := gmstest.Start(t, gmstest.Options{})
			peer.Fail(gmstest.Fault{Status: status})
			err := server(t, peer.URL()).Write(t.Context(), "a", worker.Result{Status: worker.StatusRunning}, false)
			for _, kind := range all {
				if errors.Is(err, kind) != (kind == want) {
					t.Errorf("%v is %v: %v", err, kind, errors.Is(err, kind))
				}
			}
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestLimit(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	s := server(t, peer.URL())
	r := worker.Result{Status: worker.StatusRunning, Report: strings.Repeat("\n", 1000)}
	s.MaxBytes = results.Size("a", r)
	if err := s.Write(t.Context(), "a", r, false); err != nil {
		t.Errorf("got %v", err)
	}
	s.MaxBytes--
	if err := s.Write(t.Context(), "a", r, false); !errors.Is(err, worker.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if len(peer.Exchanges()) != 1 {
		t.Errorf("%d requests were sent", len(peer.Exchanges()))
	}
}

func TestSize(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	r := worker.Result{Status: worker.StatusRunning, Report: "\"\n\U0001F600", StartTimeMS: time.Now().UnixMilli()}
	size := results.Size("a", r)
	if err := server(t, peer.URL()).Write(t.Context(), "a", r, false); err != nil {
		t.Fatal(err)
	}
	if sent := len(peer.Exchanges()[0].Body); sent != size {
		t.Errorf("sent %d bytes, said %d", sent, size)
	}
}
