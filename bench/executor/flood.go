package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	floodBytes = 1 << 30
	// otherFloodBytes is less, for the other executor takes a minute for this.
	otherFloodBytes = 20 << 20

	reportBytes      = 200 << 20
	otherReportBytes = 200 << 20
)

// heavy is a run with a lot of data, and what became of the executor's memory.
type heavy struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	Before  int64   `json:"before"` // RSS in bytes
	Peak    int64   `json:"peak"`
}

func (h heavy) rate() float64 { return float64(h.Bytes) / 1e6 / h.Seconds }

func (h heavy) growth() int64 { return h.Peak - h.Before }

// measureFlood takes a log full of secrets. The lines go to a file, to the
// executor's own output, as by default, and their end into the report.
func measureFlood(ctx context.Context, w *world, r *results) error {
	return w.heavy(ctx, "fake-flood", floodBytes, otherFloodBytes, &r.Flood, &r.OtherFlood, func(p passage) time.Duration {
		return p.began.Add(p.took).Sub(p.childBegan)
	})
}

// measureReport takes a huge structured report.
func measureReport(ctx context.Context, w *world, r *results) error {
	return w.heavy(ctx, "fake-report", reportBytes, otherReportBytes, &r.Report, &r.OtherReport, func(p passage) time.Duration {
		return p.took
	})
}

// heavy runs a plugin of fakecli through both executors.
func (w *world) heavy(ctx context.Context, plugin string, size, otherSize int64, ours, theirs *[]heavy, took func(passage) time.Duration) error {
	run := func(p *process, pool string, size int64) (heavy, error) {
		pause(ctx, settleTime)
		config := map[string]any{"bytes": fmt.Sprint(size)}
		for i := range secretCount {
			config[fmt.Sprintf("secret_%02d", i)] = "${" + secretName(i) + "}"
		}
		h := heavy{Bytes: size, Before: p.rss()}
		peak := p.peak()
		passage, err := w.through(ctx, pool, recipe(plugin, config))
		h.Peak = peak()
		if err != nil {
			return h, fmt.Errorf("%w\n%s", err, p.log())
		}
		h.Seconds = seconds(took(passage))
		return h, masked(passage.report)
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer nowhere.Close()
	p, err := w.serve(ctx, nowhere)
	if err != nil {
		return err
	}
	defer p.stop()
	h, err := run(p, poolOurs, size)
	if err != nil {
		return err
	}
	*ours = append(*ours, h)
	o, err := w.serveOther(ctx)
	if err != nil {
		return err
	}
	defer o.stop()
	h, err = run(o.process, poolOther, otherSize)
	if err != nil {
		return err
	}
	*theirs = append(*theirs, h)
	return nil
}

// masked fails where a report has a secret in it.
func masked(report string) error {
	for i := range secretCount {
		if strings.Contains(report, secretValue(i)) {
			return errors.New("a secret is in the report")
		}
	}
	return nil
}
