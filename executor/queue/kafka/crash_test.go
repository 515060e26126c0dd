package kafka_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/queue/kafka"
)

func TestSurvivesTheBrokersDeath(t *testing.T) {
	w := newWorld(t, kafkatest.Start(t, kafkatest.Options{}), 2)
	o, k := w.options(), &taker{refuse: func(string) error { time.Sleep(5 * time.Millisecond); return nil }}
	source, stop := w.start(o, k)
	ids := w.put("before", 2, 100)
	eventually(t, func() error { // it dies in the middle
		if len(k.list()) < 20 {
			return errors.New("not begun")
		}
		return nil
	})
	w.broker.Kill()
	dead := time.Now()
	time.Sleep(2 * time.Second)
	if heard := source.LastPoll(); heard.After(dead.Add(time.Second)) {
		t.Errorf("last poll is %v after the broker's death", heard.Sub(dead))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := source.Check(ctx); err == nil || time.Since(dead) > 15*time.Second {
		t.Errorf("Check of a dead broker after %v: %v", time.Since(dead), err)
	}
	if err := w.broker.Restart(); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, w.put("after", 2, 50)...)
	k.await(t, ids...)
	w.awaitCommitted(o, map[int32]int64{0: 75, 1: 75})
	if source.LastPoll().Before(dead) {
		t.Error("last poll stands still")
	}
	if err := source.Check(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
}

// The variables that make the test binary a consumer of its own.
const (
	consumerFile = "KAFKA_TEST_CONSUMER"
	consumerArgs = "KAFKA_TEST_CONSUMER_ARGS" // broker, topic, group, registry
)

// consume is the consumer process: its handler's journal is a file.
func consume(file string) int {
	journal, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	args := strings.Fields(os.Getenv(consumerArgs))
	source, err := kafka.New(kafka.Options{Brokers: args[:1], Topic: args[1], Group: args[2], RegistryURL: args[3], StartAt: kafka.Earliest,
		Properties: map[string]string{"session.timeout.ms": "1500", "heartbeat.interval.ms": "300"}})
	if err != nil {
		return 1
	}
	if err := source.Run(context.Background(), fileTaker{journal}); err != nil {
		return 1
	}
	return 0
}

type fileTaker struct{ file *os.File }

func (f fileTaker) Request(_ context.Context, r queue.Request) error {
	time.Sleep(2 * time.Millisecond)
	_, err := fmt.Fprintln(f.file, r.ID)
	return errors.Join(err, f.file.Sync())
}

func (f fileTaker) Signal(context.Context, queue.Signal) error { return nil }

func TestSurvivesItsOwnDeath(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, kafkatest.Shared(t), 3)
	o := w.options()
	ids := w.put("run", 3, 300)
	file := filepath.Join(t.TempDir(), "journal")
	lines := func() (all []string) {
		f, err := os.Open(file)
		if err != nil {
			return nil
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			all = append(all, s.Text())
		}
		return all
	}
	deaths := 0
	for begun := time.Now(); ; {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), consumerFile+"="+file, fmt.Sprintf("%s=%s %s %s %s", consumerArgs, o.Brokers[0], o.Topic, o.Group, o.RegistryURL))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := len(lines())
		limit := before + 20 + random.IntN(60)
		eventually(t, func() error { // it gets on, then it dies
			if n := len(lines()); n < limit && w.missing(ids, lines()) > 0 {
				return fmt.Errorf("%d of %d lines", n, limit)
			}
			return nil
		})
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		deaths++
		if w.missing(ids, lines()) == 0 {
			break
		}
		if time.Since(begun) > 2*waitLimit {
			t.Fatalf("%d requests are missing after %d deaths", w.missing(ids, lines()), deaths)
		}
	}
	all := lines()
	t.Logf("%d requests, %d deliveries, %d deaths", len(ids), len(all), deaths)
	if deaths < 3 {
		t.Errorf("only %d deaths", deaths)
	}
	if sum := total(w.topic.Committed(t, o.Group)); sum > int64(len(ids)) {
		t.Errorf("committed %d of %d", sum, len(ids))
	}
}

// missing counts the ids that are not among lines.
func (w *world) missing(ids, lines []string) int {
	have := map[string]bool{}
	for _, line := range lines {
		have[line] = true
	}
	n := 0
	for _, id := range ids {
		if !have[id] {
			n++
		}
	}
	return n
}
