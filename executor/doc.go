// Package executor is the runtime inside a locked image. It runs one recipe in
// the bundled venv of a plugin, under supervision:
//
//	argv ─► ingestion: venv, recipe policy, secrets ─► task.Run ─► exit code and end record
//	                                         └─► mask ─► logs ◄── output
//
// What reaches Python is the canonical form of the recipe that was judged, over
// standard input, together with the secrets it names. Its packages use the
// standard library, golang.org/x/sys for the kernel's controls, and a YAML
// parser in recipe alone.
package executor
