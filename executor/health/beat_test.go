package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/health"
)

// until waits for a condition that a beat brings about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// start beats for one file and returns what ends it.
func start(t *testing.T, b health.Beat) func() error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

func TestProbesTakeBeatsAway(t *testing.T) {
	file := filepath.Join(t.TempDir(), "worker_liveness_heartbeat")
	stop := start(t, health.Beat{
		Signs:    []health.Sign{{Name: "liveness", File: file, Holds: func() error { return nil }}},
		Interval: time.Millisecond,
	})
	for probe := range 5 {
		until(t, "a heartbeat", func() bool { return exists(file) })
		if err := health.Take(file); err != nil {
			t.Errorf("probe %d: %v", probe, err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := health.Take(file); err == nil {
		t.Error("an executor that has ended is healthy")
	}
}

func TestAgeOfBeats(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heartbeat")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	stop := start(t, health.Beat{
		Signs:    []health.Sign{{File: file, Holds: func() error { return nil }}},
		Interval: time.Millisecond,
	})
	until(t, "a new time", func() bool {
		info, err := os.Lstat(file)
		return err == nil && time.Since(info.ModTime()) < time.Minute
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestNoBeatWithoutItsSign(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heartbeat")
	if err := os.WriteFile(file, nil, 0o600); err != nil { // left by an earlier process
		t.Fatal(err)
	}
	var ready atomic.Bool
	var log bytes.Buffer
	stop := start(t, health.Beat{
		Signs: []health.Sign{{Name: "readiness", File: file, Holds: func() error {
			if ready.Load() {
				return nil
			}
			return errors.New("draining")
		}}},
		Interval: time.Millisecond,
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
	})
	until(t, "no file of an earlier process", func() bool { return !exists(file) })
	ready.Store(true)
	until(t, "a heartbeat", func() bool { return exists(file) })
	ready.Store(false)
	until(t, "none while draining", func() bool { return !exists(file) })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 3 {
		t.Errorf("%d log lines, want one per change:\n%s", lines, log.String())
	}
	if !strings.Contains(log.String(), "draining") {
		t.Errorf("the log gives no reason:\n%s", log.String())
	}
}

func TestBeatFollowsNothing(t *testing.T) {
	for name, lay := range map[string]func(file, target string) error{
		"link":      func(file, target string) error { return os.Symlink(target, file) },
		"fifo":      func(file, _ string) error { return syscall.Mkfifo(file, 0o600) },
		"directory": func(file, _ string) error { return os.MkdirAll(filepath.Join(file, "inside"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, target := filepath.Join(dir, "heartbeat"), filepath.Join(dir, "target")
			if err := lay(file, target); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			stop := start(t, health.Beat{
				Signs:    []health.Sign{{File: file, Holds: func() error { return nil }}},
				Interval: time.Hour,
				Log:      slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err := stop(); (err != nil) != (name == "directory") {
				t.Errorf("ending: %v", err)
			}
			if exists(target) {
				t.Error("the target of a link was made")
			}
			if !strings.Contains(log.String(), "no heartbeat") {
				t.Errorf("the log has %q", log.String())
			}
		})
	}
}

// source has heard from its server at a given time.
type source struct {
	name string
	last time.Time
}

func (s source) Name() string        { return s.name }
func (s source) LastPoll() time.Time { return s.last }

func TestPolls(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		started time.Duration // ago
		last    []time.Duration
		busy    bool
		silent  []string
	}{
		{"just started", 0, []time.Duration{-1}, false, nil},
		{"polled", time.Hour, []time.Duration{time.Second, health.MaxSilence}, false, nil},
		{"one is silent", time.Hour, []time.Duration{time.Second, health.MaxSilence + 1}, false, []string{"b"}},
		{"never polled", time.Hour, []time.Duration{-1, -1}, false, []string{"a", "b"}},
		{"silent while runs go on", time.Hour, []time.Duration{time.Hour}, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := health.Polls{
				Started: now.Add(-tt.started),
				Busy:    func() bool { return tt.busy },
				Now:     func() time.Time { return now },
			}
			for i, ago := range tt.last {
				s := source{name: string(rune('a' + i))}
				if ago >= 0 {
					s.last = now.Add(-ago)
				}
				p.Sources = append(p.Sources, s)
			}
			err := p.Holds()
			if (err != nil) != (len(tt.silent) > 0) {
				t.Fatalf("Holds: %v", err)
			}
			for _, name := range tt.silent {
				if !strings.Contains(err.Error(), "source "+name+" ") {
					t.Errorf("%v does not name %s", err, name)
				}
			}
		})
	}
}
