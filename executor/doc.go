// Package executor is the runtime inside a locked image. It runs one recipe in
// the bundled venv of a plugin, under supervision:
//
//	argv ─► ingestion: venv, recipe policy, secrets ─► task.Run ─► exit code and end record
//	                                         └─► mask ─► logs ◄── output
//
// What reaches Python is the canonical form of the recipe that was judged, over
// standard input, together with the secrets it names. `executor serve` takes
// such runs from DataHub; see package service. Libraries for other systems
// have one home each, see docs/decisions/005-executor-dependencies.md.
package executor
