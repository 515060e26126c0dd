// Package report makes what GMS gets to know of a run: the text of the report
// and the structured report that DataHub's CLI wrote, both without secrets and
// within the bytes that the server takes.
//
//	document, err := report.Read(path, masker, 0) // the CLI's report file
//	parts := report.Parts{Summary: s, Structured: document, Logs: log.Report, Mask: masker}
//	text, structured := parts.Fit(report.DefaultBudget)
//
// The budget counts bytes of the encoded proposal, see [EncodedSize]. Where
// the parts are too large for it, the pretty copy of the structured report goes
// first, then lines from the middle of the logs, then the long lists in the
// structured report, then all of it. The summary, with the verdict, stays.
package report
