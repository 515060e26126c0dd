// Package executor is the runtime inside a locked image. It runs one recipe in
// the bundled venv of a plugin, under supervision:
//
//	argv ─► bundle.Find ─► task.Run ─► exit code and end record
//
// The packages bundle, task, health and contract use the standard library only.
package executor
