package index

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestOverloadedHostGetsLessPatience(t *testing.T) {
	var requests, well atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		if well.Load() == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c := client(t, withDefault(s.URL), Env{})
	for _, want := range []int32{5, 7, 9} {
		if _, err := c.Head(t.Context(), s.URL); err == nil || requests.Load() != want {
			t.Errorf("%d requests, want %d (%v)", requests.Load(), want, err)
		}
	}
	well.Store(1)
	if _, err := c.Head(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
	well.Store(0)
	if _, err := c.Head(t.Context(), s.URL); err == nil || requests.Load() != 15 {
		t.Errorf("%d requests, want 15 (%v)", requests.Load(), err)
	}
}

func TestSilentHostIsLeftAlone(t *testing.T) {
	s := serve(t, ranged)
	address, handler := s.Listener.Addr().String(), s.Config.Handler
	s.Close()
	c := client(t, withDefault(s.URL), Env{})
	u := &url.URL{Scheme: "http", Host: address}
	for range 3 {
		if _, err := c.Head(t.Context(), s.URL); fault.KindOf(err) != fault.Network {
			t.Errorf("%v", err)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	back := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	back.Start()
	defer back.Close()
	if _, err := c.Head(t.Context(), s.URL); err == nil {
		t.Error("asked again at once")
	}
	c.down[origin(u)].probe = time.Now()
	for range 2 {
		if _, err := c.Head(t.Context(), s.URL); err != nil {
			t.Error(err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	s := serve(t, ranged)
	s.Close()
	_, err := client(t, withDefault(s.URL), Env{}).Files(t.Context(), "acme")
	if fault.KindOf(err) != fault.Network {
		t.Errorf("%v", err)
	}
}
