// Package ingestion runs what a request asks for in a bundled venv:
//
//	request ─► arguments ─► recipe ─► venv ─► version and recipe policy ─► secrets ─► child ─► report ─► outcome
//
// [Runner] does all of it for requests of a server. `executor run`, which has
// its recipe from the command line, uses the same parts: [FindVenv], [Judge],
// [Resolve], [NewMasker], [OpenLog] and [Child].
//
// Whatever is wrong with a request ends it before a child exists, with every
// reason in the report; what a request asks for and may not have is refused,
// never ignored. The child gets recipe and secrets over standard input, and a
// token that is renewed while it runs in a file; it is told apart from all
// others by the run's id, and leaves nothing behind but its log and its
// artifacts.
package ingestion
