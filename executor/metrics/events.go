package metrics

import "time"

// What happened is told by the methods below. An exception is a word of a
// small set that says of what kind an error is; "" is none.

// unknownTask stands for every task but those that executors know: its name
// comes from the network.
const unknownTask = "other"

func known(task string) string {
	switch task {
	case "RUN_INGEST", "TEST_CONNECTION", "RUN_ASSERTION":
		return task
	default:
		return unknownTask
	}
}

// Request is one request that was taken.
func (m *Metrics) Request(pool string) {
	m.count(requests, pool)
	m.count(handled, pool, "False") // not of an executor inside of the server
}

// Ended is the end of one run, with its status at the server.
func (m *Metrics) Ended(pool, task, status string, took time.Duration) {
	if status == "FAILURE" {
		m.count(failures, pool)
	}
	m.count(ended, known(task), status)
	m.took(seconds, took, known(task))
}

// NotTaken is a request that could not be taken and will come again.
func (m *Metrics) NotTaken(exception string) { m.count(handlerErrors, exception) }

// Cancel is one signal to cancel a run.
func (m *Metrics) Cancel() { m.count(cancels) }

// Signals is one question for signals.
func (m *Metrics) Signals(took time.Duration, exception string) {
	m.took(signalFetches, took)
	if exception != "" {
		m.count(signalErrors, exception)
	}
}

// Fetch is one question for new requests, and how many it found.
func (m *Metrics) Fetch(took time.Duration, found int, exception string) {
	m.took(fetches, took)
	m.add(fetchedItems, found)
	if exception != "" {
		m.count(fetchErrors, exception)
	}
}

// BadItem is a request or an event that could not be read.
func (m *Metrics) BadItem(exception string) { m.count(badItems, exception) }

// Events are events of the metadata change log: all, and those among them
// that are requests and signals.
func (m *Metrics) Events(all, ours int) {
	m.add(logEvents, all)
	m.add(runEvents, ours)
}

// Write is one write of a result.
func (m *Metrics) Write(exception string) {
	if exception != "" {
		m.count(writeErrors, exception)
		return
	}
	m.count(writes)
}

// Renewal is one renewal of the executor's credentials.
func (m *Metrics) Renewal(pool, exception string) {
	m.count(renewals, pool)
	if exception != "" {
		m.count(renewalErrors, pool, exception)
	}
}

// Assertion is one evaluation.
func (m *Metrics) Assertion(pool string, took time.Duration, exception string) {
	m.count(assertions, pool)
	m.took(evaluations, took)
	if exception != "" {
		m.count(assertionFailures, pool, exception)
		m.count(evaluationErrors, exception)
	}
}

// Sweep is one action of the sweeper, and whether it was taken.
func (m *Metrics) Sweep(action string, done bool) {
	m.count(sweptPlanned, action)
	if done {
		m.count(swept, action)
	}
}
