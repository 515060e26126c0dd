// Package journal is the executor's memory of its runs: an append-only file
// that survives kill -9, a full disk and a torn last write.
//
//	j, err := journal.Open(dir, journal.Options{})
//	err = j.Append(journal.Record{ID: id, State: journal.Accepted, Data: request})
//	if errors.Is(err, journal.ErrDuplicate) { ... } // this run is known already
//	for _, run := range j.Runs() { request, err := j.Data(run.ID, journal.Accepted) }
//
// Append returns when the record is on the disk; concurrent calls share one
// fsync. The order of a run's states is enforced here, on durable state, so
// that no crash and no second delivery can start a run twice.
//
// # File
//
// One record per line:
//
//	<length, 8 hex digits> <CRC-32C, 8 hex digits> <JSON>\n
//
// Length and checksum are those of the JSON, which has no newline. A file is a
// snapshot that compaction wrote, a marker line, and what was appended since.
// Appended records are numbered without gaps and name the first record of the
// batch that they were written with: a batch is begun only after the one before
// it is durable, so damage in front of a later batch cannot be a torn write.
package journal
