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

// otherStarted is in the line that DataHub's executor logs when it begins to
// read events.
const otherStarted = "is now running"

// other is DataHub's executor.
type other struct {
	*process
	ready time.Duration // from its start until it read events
}

// launchOther starts it and waits until it reads its events.
func (w *world) launchOther(ctx context.Context) (*other, error) {
	dir, err := os.MkdirTemp(w.path("state"), "other-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(file, []byte(w.pipeline(dir)), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(w.venv(realPlugin), "bin", "datahub-actions"), "actions", "-c", file)
	cmd.Env = w.environment()
	for i := range secretCount {
		cmd.Env = append(cmd.Env, secretName(i)+"="+secretValue(i))
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
	go watchLines(read, otherStarted, reading)
	select {
	case at := <-reading:
		return &other{p, at.Sub(p.began)}, nil
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

// pipeline is its configuration: upstream's, but for the directories.
func (w *world) pipeline(dir string) string {
	return fmt.Sprintf(`name: bench
source:
  type: kafka
  config:
    connection: {bootstrap: %q, schema_registry_url: %q, consumer_config: {group.id: %s}}
    topic_routes: {mcl: MetadataChangeLog_Versioned_v1}
datahub: {server: %q, token: the-token-of-the-bench}
filter: {event_type: MetadataChangeLogEvent_v1}
action:
  type: executor
  config:
    executor_id: %s
    task_configs:
      - name: RUN_INGEST
        type: datahub.executor.execution.sub_process_ingestion_task.SubProcessIngestionTask
        configs: {tmp_dir: %s/work, log_dir: %s/logs}
`, w.broker, w.gms+"/schema-registry/api/", filepath.Base(dir), w.gms, poolOther, dir, dir)
}

// serveOther starts it and waits until it has done a first run.
func (w *world) serveOther(ctx context.Context) (*other, error) {
	o, err := w.launchOther(ctx)
	if err != nil {
		return nil, err
	}
	return o, w.firstRun(ctx, o.process, poolOther)
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
