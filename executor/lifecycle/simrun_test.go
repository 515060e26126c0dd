package lifecycle

import (
	"slices"
)

func (x *simExecutor) act(id string, run *simRun, a Action) {
	switch a {
	case Acquire:
		run.op++
		x.queue = append(x.queue, id)
		x.admit()
	case Release:
		x.queue = slices.DeleteFunc(x.queue, func(q string) bool { return q == id })
		if run.slot {
			run.slot = false
			x.used--
		}
		x.admit()
	case Read:
		run.readAt = x.w.now
		x.send(id, run, Event{Kind: DidRead}, func() Event { return Event{Kind: DidRead, Seen: x.w.server.see(id, x.name)} })
	case Claim:
		x.claim(id, run)
	case Progress:
		x.write(id, run, StatusRunning, false)
	case Write:
		x.write(id, run, run.Status, false)
	case Settle:
		x.wait(id, run, x.w.settle)
	case Confirm:
		x.wait(id, run, x.w.confirm)
	case Retry:
		x.wait(id, run, x.w.between(10, int64(50<<min(run.Attempts, 6))))
	case Start:
		x.start(id, run)
	case Stop:
		run.stopped = true
		x.later(x.w.between(0, 1500), func() { x.childEnds(id, StatusCancelled) })
	case Abandon:
		run.op++
	case Shrink:
	default:
		x.record(id, run, a)
	}
}

func (x *simExecutor) claim(id string, run *simRun) {
	if x.w.rng.IntN(20) == 0 { // the process did not get to run for a while
		run.op++
		op := run.op
		x.later(x.w.between(1, 4000), func() {
			if run.op != op {
				return
			}
			if x.w.now-run.readAt > simTimeout {
				x.answer(id, op, Event{Kind: DidWrite, Answer: Stale})
				return
			}
			x.write(id, run, StatusRunning, true)
		})
		return
	}
	x.write(id, run, StatusRunning, true)
}

func (x *simExecutor) write(id string, run *simRun, status Status, create bool) {
	result := simResult{status: status, owner: x.name}
	x.send(id, run, Event{Kind: DidWrite, Answer: Unknown}, func() Event {
		return Event{Kind: DidWrite, Answer: x.w.server.write(id, result, create)}
	})
}

// send has something arrive at the server. The answer is what came of it, or
// lost.
func (x *simExecutor) send(id string, run *simRun, lost Event, arrive func() Event) {
	run.op++
	op, life, e := run.op, x.life, lost
	x.w.server.call(
		func() { e = arrive() },
		func(ok bool) {
			if x.life != life || !x.up {
				return
			}
			if !ok {
				e = lost
			}
			x.answer(id, op, e)
		})
}

func (x *simExecutor) wait(id string, run *simRun, d int64) {
	run.op++
	op := run.op
	x.later(d, func() { x.answer(id, op, Event{Kind: TimeUp}) })
}

func (x *simExecutor) admit() {
	for x.used < 1 && len(x.queue) > 0 {
		id := x.queue[0]
		x.queue = x.queue[1:]
		run := x.runs[id]
		if run == nil {
			continue
		}
		x.used++
		run.slot = true
		op := run.op
		x.later(0, func() {
			if run.op == op {
				x.happens(id, Event{Kind: GotSlot})
			}
		})
	}
}

// start is the runner: it checks, asks, makes the child and tells.
func (x *simExecutor) start(id string, run *simRun) {
	x.later(x.w.between(0, 30), func() {
		if x.w.rng.IntN(15) == 0 { // the recipe is refused
			x.happens(id, Event{Kind: Exited, Status: StatusFailure})
			return
		}
		life := x.life
		x.happens(id, Event{Kind: WantsStart})
		if x.life != life {
			return
		}
		if record := x.journal[id]; record.state != RecordStarting {
			x.happens(id, Event{Kind: Exited, Status: StatusCancelled})
			return
		}
		if x.crashes() {
			return
		}
		x.spawn(id, run)
	})
}

func (x *simExecutor) spawn(id string, run *simRun) {
	of := x.w.runs[id]
	of.starts++
	if of.starts > 1 {
		x.w.violate("%s was started again, by %s", id, x.name)
	}
	if x.journal[id].killed {
		x.w.violate("%s was started by %s after its KILL", id, x.name)
	}
	run.child = &simChild{id: id, alive: true}
	x.children = append(x.children, run.child)
	x.w.trace("%s: %s child", x.name, id)
	x.later(x.w.between(0, 20), func() { x.happens(id, Event{Kind: HasStarted}) })
	for at := int64(200); at < 6000; at += x.w.between(100, 1500) {
		x.later(at, func() { x.happens(id, Event{Kind: WantsTick}) })
	}
	status := []Status{StatusSuccess, StatusFailure}[x.w.rng.IntN(2)]
	x.later(x.w.between(1, 6000), func() { x.childEnds(id, status) })
	if x.w.rng.IntN(10) == 0 {
		x.later(3000, func() { x.happens(id, Event{Kind: Timeout}) })
	}
}

func (x *simExecutor) childEnds(id string, status Status) {
	run := x.runs[id]
	if run == nil || run.child == nil || !run.child.alive {
		return
	}
	run.child.alive = false
	x.happens(id, Event{Kind: Exited, Status: status})
}
