package main

import (
	"strings"

	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/metrics"
)

// executorPage lists what an executor is configured with.
func executorPage() []byte {
	var page document
	page.heading(1, "Executor: configuration")
	page.paragraph("What `executor serve` and `executor check` read. How to run one is in [executor.md](../executor.md).")
	for _, table := range config.Reference() {
		page.heading(2, table.Title)
		page.paragraph("%s", table.Intro)
		page.table(table.Head, table.Rows)
	}
	return page.Bytes()
}

// metricsPage lists what an executor counts.
func metricsPage() []byte {
	var page document
	page.heading(1, "Executor: metrics")
	page.paragraph("In the form of Prometheus. The names are upstream's where it has the same figure; those of Go's runtime, `go_` and `process_`, are beside them.")
	var rows [][]string
	for _, m := range metrics.Table() {
		rows = append(rows, []string{"`" + m.Name + "`", string(m.Kind), strings.Join(m.Labels, ", "), m.Help})
	}
	page.table([]string{"name", "type", "labels", "meaning"}, rows)
	return page.Bytes()
}
