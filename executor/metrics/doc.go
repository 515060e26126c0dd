// Package metrics counts what an executor does and shows it to Prometheus, by
// upstream's names: datahub_executor_worker_ingestion_requests and so on. What
// only grows is a counter here, where upstream has gauges for everything; what
// upstream does not have begins with lockforge_executor_.
//
//	m := metrics.New(metrics.Options{Mode: c.Mode, Pools: pools})
//	listener, err := metrics.Listen(c.Metrics.Address())
//	go m.Serve(ctx, listener)
//	m.Request("RUN_INGEST", "default")
//
// Labels take values of small sets only: no run, no user and no recipe is in them.
package metrics
