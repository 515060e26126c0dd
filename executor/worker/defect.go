package worker

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// attempt calls what the runner gave. A panic in it is a defect that a request
// has found: it ends that run, and not the executor, which would find it again
// after each restart. What else a panic says may be a secret.
func (r *run) attempt(f func()) (defect error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		said := fmt.Sprintf("%T", v)
		if of, ok := v.(runtime.Error); ok {
			said = of.Error()
		}
		r.w.o.Log.Error("a defect of the executor ends a run", "run", r.id, "panic", said, "stack", string(debug.Stack()))
		defect = fmt.Errorf("a defect of the executor, which its log describes: %s", said)
	}()
	f()
	return nil
}

// failure is the outcome of a run that could not be executed.
func failure(err error) Outcome { return Outcome{Status: StatusFailure, Reason: err.Error()} }
