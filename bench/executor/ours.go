package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// launch starts an executor of ours in an empty state. It may not be ready yet.
func (w *world) launch(from source, output *os.File) (*process, error) {
	port, err := freePort()
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
		"KAFKA_BOOTSTRAP_SERVER="+w.broker, "KAFKA_AUTO_OFFSET_POLICY=latest", "DATAHUB_ACTIONS_INGESTION_EXECUTOR_CONSUMER_GROUP_ID="+filepath.Base(dir),
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
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	// What is in the log before the group has begun to read is not for it.
	for range 20 {
		run := w.newRun("first")
		end := w.expectEnd(run)
		if err = w.request(ctx, run, input(recipe("fake-noop", nil))); err != nil {
			break
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		_, err = end(short)
		cancel()
		if err == nil {
			return p, nil
		}
	}
	defer p.stop()
	return nil, fmt.Errorf("waiting for the executor: %w\n%s", err, p.log())
}

// other is DataHub's executor.
type other struct {
	*process
	requests io.Writer
	ready    time.Duration // from its start until it read events
}

// launchOther starts it and waits until it reads its events.
func (w *world) launchOther(ctx context.Context) (*other, error) {
	dir, err := os.MkdirTemp(w.path("state"), "other-")
	if err != nil {
		return nil, err
	}
	task := func(name, kind string) string {
		return fmt.Sprintf("        - {name: %s, type: %s, configs: {tmp_dir: %s/work, log_dir: %s/logs}}\n", name, kind, dir, dir)
	}
	config := "name: bench\nsource: {type: linesource.LineSource, config: {}}\n" +
		"datahub: {server: \"" + w.gms + "\", token: the-token-of-the-bench}\n" +
		"action:\n  type: executor\n  config:\n    executor_id: default\n    task_configs:\n" +
		task("RUN_INGEST", "datahub.executor.execution.sub_process_ingestion_task.SubProcessIngestionTask")
	file := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(w.venv(realPlugin), "bin", "datahub-actions"), "actions", "-c", file)
	cmd.Env = append(w.environment(), "PYTHONPATH="+w.o.work)
	for i := range secretCount {
		cmd.Env = append(cmd.Env, secretName(i)+"="+secretValue(i))
	}
	requests, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	cmd.Stdout = write
	p, err := w.start(filepath.Base(dir), cmd)
	if err != nil {
		return nil, err
	}
	reading := make(chan time.Time, 1)
	go watchLines(read, "reading events", reading)
	select {
	case at := <-reading:
		return &other{p, requests, at.Sub(p.began)}, nil
	case <-p.ended:
		err = fmt.Errorf("DataHub's executor ended: %s", p.log())
	case <-time.After(startLimit):
		err = fmt.Errorf("DataHub's executor does not begin to read: %s", p.log())
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.kill()
	return nil, err
}

// watchLines reads all lines, and says when the first one of a kind came.
func watchLines(from io.ReadCloser, want string, found chan<- time.Time) {
	defer from.Close()
	lines := bufio.NewReaderSize(from, 1<<16)
	for told := false; ; {
		line, err := lines.ReadString('\n')
		if !told && strings.Contains(line, want) {
			found <- time.Now()
			told = true
		}
		if err != nil {
			return
		}
	}
}

// take hands an event to it.
func (o *other) take(_ context.Context, run, input string) error {
	_, err := fmt.Fprintf(o.requests, "%s\t%s\n", run, input)
	return err
}
