package metrics

// Kind is the type of a metric.
type Kind string

// The kinds. A summary has a count and a sum in seconds, and no quantiles, as
// upstream's.
const (
	Counter Kind = "counter"
	Gauge   Kind = "gauge"
	Summary Kind = "summary"
)

// Definition is one metric. Upstream's begin with datahub_executor_.
type Definition struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string
}

// Names of metrics, as the methods of Metrics use them.
const (
	requests          = "datahub_executor_worker_ingestion_requests"
	failures          = "datahub_executor_worker_ingestion_errors"
	assertions        = "datahub_executor_worker_assertion_requests"
	assertionFailures = "datahub_executor_worker_assertion_errors"
	evaluations       = "datahub_executor_assertion_evaluate_requests"
	evaluationErrors  = "datahub_executor_assertion_evaluate_errors"
	cancels           = "datahub_executor_ingestion_cancel_requests"
	signalFetches     = "datahub_executor_ingestion_fetch_signal_requests"
	signalErrors      = "datahub_executor_ingestion_fetch_signal_errors"
	fetches           = "datahub_executor_ingestion_fetcher_requests"
	fetchErrors       = "datahub_executor_ingestion_fetcher_errors"
	fetchedItems      = "datahub_executor_ingestion_fetcher_items_mapped"
	badItems          = "datahub_executor_ingestion_fetcher_items_errored"
	logEvents         = "datahub_executor_ingestion_kafka_mcl_events"
	runEvents         = "datahub_executor_ingestion_kafka_exec_events"
	handled           = "datahub_executor_ingestion_handler_requests"
	handlerErrors     = "datahub_executor_ingestion_handler_errors"
	writes            = "datahub_executor_ingestion_emit_mcp_events"
	writeErrors       = "datahub_executor_ingestion_emit_mcp_errors"
	renewals          = "datahub_executor_credentials_refresh_requests"
	renewalErrors     = "datahub_executor_credentials_refresh_errors"
	sweptPlanned      = "datahub_executor_sweeper_actions_planned"
	swept             = "datahub_executor_sweeper_actions_executed"
	pushes            = "datahub_executor_monitoring_push_requests"
	pushErrors        = "datahub_executor_monitoring_push_errors"
	pushBytes         = "datahub_executor_monitoring_push_payload_size"
	maxWorkers        = "datahub_executor_thread_pool_max_workers"
	activeWorkers     = "datahub_executor_thread_pool_active_workers"
	maxWeight         = "datahub_executor_thread_pool_max_weight"
	activeWeight      = "datahub_executor_thread_pool_active_weight"

	waiting     = "lockforge_executor_waiting_tasks"
	undelivered = "lockforge_executor_undelivered_results"
	ended       = "lockforge_executor_runs_ended_total"
	seconds     = "lockforge_executor_run_seconds"
	lastPoll    = "lockforge_executor_source_last_poll_timestamp_seconds"
	buildInfo   = "lockforge_executor_build_info"
)

// Table returns every metric by upstream's names and of our own. Those of Go's
// own collectors, go_ and process_, are beside them.
func Table() []Definition { return append(workTable(), resourceTable()...) }

// workTable has the metrics of the executor's work.
func workTable() []Definition {
	pool, exception := []string{"pool_name"}, []string{"exception"}
	threads := []string{"thread_pool_name"}
	return []Definition{
		{requests, Counter, pool, "Requests for ingestions and connection tests that were taken."},
		{failures, Counter, pool, "Ingestions and connection tests that ended with FAILURE."},
		{assertions, Counter, pool, "Assertions that were due."},
		{assertionFailures, Counter, []string{"pool_name", "exception"}, "Assertions that could not be evaluated."},
		{evaluations, Summary, nil, "Time of evaluating assertions, in seconds."},
		{evaluationErrors, Counter, exception, "Evaluations of assertions that ended with an error."},
		{cancels, Counter, nil, "Signals to cancel a run."},
		{signalFetches, Summary, nil, "Time of questions for signals, in seconds."},
		{signalErrors, Counter, exception, "Questions for signals that got no answer."},
		{fetches, Summary, nil, "Time of questions for new requests, in seconds."},
		{fetchErrors, Counter, exception, "Questions for new requests that got no answer."},
		{fetchedItems, Counter, nil, "Requests that such questions found."},
		{badItems, Counter, exception, "Requests that they found and that could not be read."},
		{logEvents, Counter, nil, "Events of the metadata change log that were read."},
		{runEvents, Counter, nil, "Events among them that are requests and signals."},
		{handled, Counter, []string{"pool_name", "embedded"}, "Requests that were handed on to be run."},
		{handlerErrors, Counter, exception, "Requests that could not be taken; they are delivered again."},
		{writes, Counter, nil, "Results that were written to the server, progress included."},
		{writeErrors, Counter, exception, "Writes of results that did not succeed."},
		{renewals, Counter, pool, "Renewals of the executor's credentials."},
		{renewalErrors, Counter, []string{"pool_name", "exception"}, "Renewals of them that did not succeed."},
		{sweptPlanned, Counter, []string{"action"}, "Actions that the sweeper found necessary."},
		{swept, Counter, []string{"action"}, "Actions that the sweeper took."},
		{pushes, Summary, nil, "Time of sending metrics to the server, in seconds."},
		{pushErrors, Counter, nil, "Sendings of metrics that did not succeed."},
		{pushBytes, Gauge, nil, "Size of the last sending, in bytes."},
		{maxWorkers, Gauge, threads, "Tasks that may run at once."},
		{activeWorkers, Gauge, threads, "Tasks that run."},
		{maxWeight, Gauge, threads, "Weight that running tasks may have together."},
		{activeWeight, Gauge, threads, "Weight of the running tasks together."},

		{waiting, Gauge, threads, "Tasks that wait for capacity."},
		{undelivered, Gauge, nil, "Results that the server has not taken yet."},
		{ended, Counter, []string{"task", "status"}, "Runs that ended, by task and status."},
		{seconds, Summary, []string{"task"}, "Time of runs, in seconds."},
		{lastPoll, Gauge, []string{"source"}, "When a source last heard from its server, in Unix seconds; 0 is not yet."},
		{buildInfo, Gauge, []string{"version", "cli_version", "lock_digest"}, "What the image was built from; always 1."},
	}
}

// upstream begins the names of its metrics.
const upstream = "datahub_executor_"

// resourceTable has the metrics of process and host.
func resourceTable() []Definition {
	kind, collector, nic := []string{"kind"}, []string{"collector"}, []string{"interface"}
	disk := []string{"dev", "mountpoint", "fstype"}
	return []Definition{
		{upstream + "memory_usage_process", Gauge, kind, "Memory of the executor itself, in bytes."},
		{upstream + "memory_usage_processgroup", Gauge, kind, "Memory of the executor and its runs, in bytes."},
		{upstream + "memory_limit_processgroup", Gauge, collector, "Memory that the executor and its runs may use, in bytes."},
		{upstream + "memory_usage_host", Gauge, nil, "Memory that is used on the host, in bytes."},
		{upstream + "memory_limit_host", Gauge, nil, "Memory of the host, in bytes."},
		{upstream + "cpu_usage_process", Counter, kind, "CPU time of the executor itself, in seconds."},
		{upstream + "cpu_usage_processgroup", Counter, kind, "CPU time of its runs, ended ones included, in seconds."},
		{upstream + "cpu_limit_processgroup", Gauge, collector, "CPU that the executor and its runs may use, in percent of one core."},
		{upstream + "cpu_usage_host", Gauge, nil, "CPU that was used on the host since the scrape before, in percent."},
		{upstream + "cpu_limit_host", Gauge, nil, "CPU of the host, in percent of one core."},
		{upstream + "disk_bytes_total", Gauge, disk, "Size of a file system that the executor writes, in bytes."},
		{upstream + "disk_bytes_used", Gauge, disk, "What is used of it, in bytes."},
		{upstream + "disk_bytes_free", Gauge, disk, "What the executor may still use of it, in bytes."},
		{upstream + "net_bytes_sent", Counter, nic, "Bytes sent."},
		{upstream + "net_bytes_recv", Counter, nic, "Bytes received."},
		{upstream + "net_packets_sent", Counter, nic, "Packets sent."},
		{upstream + "net_packets_recv", Counter, nic, "Packets received."},
		{upstream + "net_errors_in", Counter, nic, "Errors of receiving."},
		{upstream + "net_errors_out", Counter, nic, "Errors of sending."},
		{upstream + "net_dropin", Counter, nic, "Packets dropped on receiving."},
		{upstream + "net_dropout", Counter, nic, "Packets dropped on sending."},
	}
}
