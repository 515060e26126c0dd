// Package audit keeps the trail of security events: who asked for what, which
// image did it under which rules, and which secrets, by name, it read.
//
//	log, err := audit.Open(dir, audit.Options{Instance: name, Image: digest, Lock: digest})
//	err = log.Record(audit.TaskRefused(subject, rules, reason))
//	report, err := audit.Verify([]string{dir}, audit.Head{})
//
// # File
//
// One JSON object per line, in files named by the number of their first record.
// The last two members of a record chain it to the one before:
//
//	{"seq":7,...,"prev":"<hash of record 6>","hash":"<hash of record 7>"}
//
// A hash is the SHA-256, in hex, of the line up to `,"hash":` and a closing
// brace behind it: the record as if it had no hash. Members have one order and
// no space between them, so the line is its own canonical form. Record 1 has
// 64 zeros as its prev, and a new file carries the chain on.
//
// A change, an insertion, a removal or another order breaks the chain. Two
// things do not: leaving out the end, and writing the whole chain anew. These
// are found by a Head that was kept elsewhere, such as in the executor's own
// log, from which Verify must find its way.
package audit
