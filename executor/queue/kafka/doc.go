// Package kafka takes requests from DataHub's metadata change log.
//
//	broker ─► poll ─► one lane per partition ─► schema, event ─► Filter ─► Handler ─► commit
//
// Delivery is at least once. A record's offset is committed once the handler
// has taken it and everything before it in its partition; the handler's error
// makes the lane wait and try again, while other partitions go on. When a
// partition is taken away, its lane ends before that is confirmed to the group,
// and what it had not finished goes to the next owner.
//
// Records that are not about execution requests are passed over without being
// decoded: the topic carries every change of all metadata.
package kafka
