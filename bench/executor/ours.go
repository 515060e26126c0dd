package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startLimit bounds how long an executor may take until it reads requests.
const startLimit = time.Minute

// environment is what both executors and a run by hand have in common.
func (w *world) environment() []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + w.path("state"), "LANG=C.UTF-8",
		"DATAHUB_GMS_URL=" + w.gms, "DATAHUB_GMS_TOKEN=the-token-of-the-bench", "DATAHUB_TELEMETRY_ENABLED=false",
		"DATAHUB_BUNDLED_VENV_PATH=" + w.venvs(),
	}
}

// source is where an executor of ours gets its requests from.
type source string

const (
	fromKafka source = "kafka"
	fromGMS   source = "poll"
)

// The pools of the two executors, which read the same change log.
const (
	poolOurs  = "default"
	poolOther = "other"
)

// launch starts an executor of ours in an empty state. It may not be ready yet.
func (w *world) launch(from source, output *os.File) (*process, error) {
	port, err := w.ports(1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(w.path("state"), "executor-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(w.o.executor, "serve")
	cmd.Env = append(w.environment(),
		"LOCKFORGE_EXECUTOR_SOURCES="+string(from), "LOCKFORGE_EXECUTOR_POLL_INTERVAL=1",
		"EXECUTOR_ID="+poolOurs, "KAFKA_BOOTSTRAP_SERVER="+w.broker, "KAFKA_AUTO_OFFSET_POLICY=latest", "DATAHUB_ACTIONS_INGESTION_EXECUTOR_CONSUMER_GROUP_ID="+filepath.Base(dir),
		"LOCKFORGE_EXECUTOR_STATE_DIR="+dir, "LOCKFORGE_EXECUTOR_AUDIT_DIR="+filepath.Join(dir, "audit"),
		"DATAHUB_EXECUTOR_LOG_DIR="+filepath.Join(dir, "logs"), "LOCKFORGE_EXECUTOR_WORK_DIR="+filepath.Join(dir, "work"),
		"DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE="+filepath.Join(dir, "live"), "DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE="+filepath.Join(dir, "ready"),
		"LOCKFORGE_EXECUTOR_METRICS_LISTEN=loopback", fmt.Sprintf("DATAHUB_EXECUTOR_METRICS_PORT=%d", port),
		"DATAHUB_EXECUTOR_FILE_SECRET_BASEDIR="+w.path("secrets"),
	)
	if output != nil {
		cmd.Stdout = output
	}
	return w.start(filepath.Base(dir), cmd)
}

// serve starts an executor of ours that reads Kafka, and waits until it has
// done a first run.
func (w *world) serve(ctx context.Context, output *os.File) (*process, error) {
	p, err := w.launch(fromKafka, output)
	if err != nil {
		return nil, err
	}
	return p, w.firstRun(ctx, p, poolOurs)
}

// firstRun waits until an executor has done a first run, and ends it where
// it does none.
func (w *world) firstRun(ctx context.Context, p *process, pool string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	// What is in the log before the group has begun to read is not for it.
	for range 15 {
		run := w.newRun("first")
		end := w.expectEnd(run)
		if err = w.request(ctx, run, input(pool, recipe("fake-noop", nil))); err != nil {
			break
		}
		short, cancel := context.WithTimeout(ctx, 4*time.Second)
		_, err = end(short)
		cancel()
		if err == nil {
			return nil
		}
	}
	p.stop()
	return fmt.Errorf("waiting for a first run: %w\n%s", err, p.log())
}
