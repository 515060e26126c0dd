// Package progress carries news of long work from the stages to whoever shows
// it. Stages name their steps in the user's words ("venv mysql-bundled") and
// never write to a terminal themselves.
package progress

// Sink takes steps as they begin. Implementations are safe for concurrent use.
type Sink interface {
	// Begin opens a step. It ends when the returned Step's End is called.
	Begin(name string) Step
}

// Step is one piece of work under way.
type Step interface {
	// Advance says how much of a known total is done, in bytes. A total of 0 is unknown.
	Advance(done, total int64)
	// Log passes on output of the step, whole lines.
	Log(line string)
	// Cached says that the step needs no work. End must still be called.
	Cached()
	// End closes the step; err is nil when it succeeded.
	End(err error)
}

// None returns a Sink that shows nothing.
func None() Sink { return none{} }

type none struct{}

func (none) Begin(string) Step    { return none{} }
func (none) Advance(int64, int64) {}
func (none) Log(string)           {}
func (none) Cached()              {}
func (none) End(error)            {}
