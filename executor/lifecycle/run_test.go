package lifecycle

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// follow feeds events to a run and returns where it gets, and the actions of
// the last event.
func follow(r Run, events ...Event) (Run, []Action) {
	var last []Action
	for _, e := range events {
		r, last = r.Next(e)
	}
	return r, last
}

// ours are the events by which a waiting run comes to be ours and starts.
var ours = []Event{
	{Kind: GotSlot}, {Kind: DidRead, Seen: Absent}, {Kind: DidWrite, Answer: Written}, {Kind: DidRead, Seen: Ours}, {Kind: WantsStart}, {Kind: HasStarted},
}

func TestPaths(t *testing.T) {
	fresh, _ := Accept(Rules{}, NoFate)
	settling, _ := Accept(Rules{Settle: true}, NoFate)
	refused, _ := Accept(Rules{}, Refused)
	running, _ := follow(fresh, ours...)
	delivering, _ := follow(running, Event{Kind: Exited, Status: StatusFailure})
	for _, tc := range []struct {
		name   string
		from   Run
		events []Event
		state  State
		last   []Action
	}{
		{"a slot", fresh, ours[:1], Claiming, []Action{Read}},
		{"nobody has it", fresh, ours[:2], Claiming, []Action{Claim}},
		{"claimed", fresh, ours[:3], Claiming, []Action{Read}},
		{"claimed, to settle", settling, ours[:3], Claiming, []Action{Settle}},
		{"settled", settling, []Event{ours[0], ours[1], ours[2], {Kind: TimeUp}, {Kind: DidRead, Seen: Ours}}, Running, []Action{Start}},
		{"gone after settling, claimed again, nobody knows", settling, []Event{
			ours[0], ours[1], ours[2], {Kind: TimeUp}, {Kind: DidRead, Seen: Absent}, {Kind: DidWrite, Answer: Unknown}, {Kind: TimeUp}, {Kind: GotSlot}, {Kind: DidRead, Seen: Ours},
		}, Claiming, []Action{Settle}},
		{"another one's, to settle", settling, []Event{ours[0], {Kind: DidRead, Seen: Others}}, Claiming, []Action{Settle}},
		{"ours", fresh, ours[:4], Running, []Action{Start}},
		{"another one's", fresh, []Event{ours[0], {Kind: DidRead, Seen: Others}}, Dropped, []Action{RecordDropped, Release}},
		{"ended already", fresh, []Event{ours[0], {Kind: DidRead, Seen: EndedLoose}}, Dropped, []Action{RecordDropped, Release}},
		{"immutable at the claim", fresh, []Event{ours[0], ours[1], {Kind: DidWrite, Answer: Immutable}}, Dropped, []Action{RecordDropped, Release}},
		{"exists at the claim", fresh, []Event{ours[0], ours[1], {Kind: DidWrite, Answer: Exists}}, Claiming, []Action{Read}},
		{"seen too long ago", fresh, []Event{ours[0], ours[1], {Kind: DidWrite, Answer: Stale}}, Claiming, []Action{Read}},
		{"claim refused", fresh, []Event{ours[0], ours[1], {Kind: DidWrite, Answer: Never}}, Waiting, []Action{Release, Retry}},
		{"server away", fresh, []Event{ours[0], {Kind: DidRead, Seen: Unreadable}}, Waiting, []Action{Release, Retry}},
		{"tries again", fresh, []Event{ours[0], {Kind: DidRead, Seen: Unreadable}, {Kind: TimeUp}}, Waiting, []Action{Acquire}},
		{"killed before a slot", fresh, []Event{{Kind: Kill}}, Claiming, []Action{RecordKill, Release, Read}},
		{"killed between tries", fresh, []Event{ours[0], {Kind: DidRead, Seen: Unreadable}, {Kind: Kill}}, Claiming, []Action{RecordKill, Read}},
		{"a slot that comes too late", fresh, []Event{{Kind: Kill}, {Kind: GotSlot}}, Claiming, []Action{Release}},
		{"killed while claiming", fresh, []Event{ours[0], ours[1], {Kind: Kill}}, Claiming, []Action{RecordKill, Release}},
		{"killed, then ours", fresh, []Event{{Kind: Kill}, ours[1], ours[2], ours[3]}, Delivering, []Action{RecordEnded, Write}},
		{"killed, another one's", fresh, []Event{{Kind: Kill}, {Kind: DidRead, Seen: Others}}, Dropped, []Action{RecordDropped}},
		{"cannot be run", refused, []Event{ours[1], ours[2], ours[3]}, Delivering, []Action{RecordEnded, Write}},
		{"started twice", running, []Event{{Kind: WantsStart}}, Running, nil},
		{"killed", running, []Event{{Kind: Kill}}, Stopping, []Action{RecordKill, Stop}},
		{"killed again", running, []Event{{Kind: Kill}, {Kind: Kill}}, Stopping, nil},
		{"killed and evicted", running, []Event{{Kind: Kill}, {Kind: Evict}}, Stopping, nil},
		{"evicted and killed", running, []Event{{Kind: Evict}, {Kind: Kill}}, Stopping, []Action{RecordKill}},
		{"drained", running, []Event{{Kind: Drain}}, Running, nil},
		{"aborted by somebody else", running, []Event{{Kind: WantsTick}, {Kind: DidWrite, Answer: Immutable}}, Stopping, []Action{Stop}},
		{"aborted, and gone", running, []Event{{Kind: WantsTick}, {Kind: DidWrite, Answer: Immutable}, {Kind: Exited}}, Dropped, []Action{RecordDropped, Release}},
		{"a tick while one is written", running, []Event{{Kind: WantsTick}, {Kind: WantsTick}}, Running, nil},
		{"ended", running, []Event{{Kind: Exited, Status: StatusSuccess}}, Delivering, []Action{RecordEnded, Write, Release}},
		{"ended while progress is written", running, []Event{{Kind: WantsTick}, {Kind: Exited}}, Delivering, []Action{Abandon, RecordEnded, Write, Release}},
		{"delivered", delivering, []Event{{Kind: DidWrite, Answer: Written}}, Delivered, []Action{RecordDelivered}},
		{"too large", delivering, []Event{{Kind: DidWrite, Answer: TooLarge}}, Delivering, []Action{Shrink, Write}},
		{"refused for good", delivering, []Event{{Kind: DidWrite, Answer: Never}}, Delivering, []Action{Shrink, Write}},
		{"refused however small", delivering, []Event{{Kind: DidWrite, Answer: Never}, {Kind: DidWrite, Answer: Never}}, Delivering, []Action{Retry}},
		{"lost answer", delivering, []Event{{Kind: DidWrite, Answer: Unknown}, {Kind: TimeUp}}, Delivering, []Action{Read}},
		{"immutable at the end", delivering, []Event{{Kind: DidWrite, Answer: Immutable}, {Kind: DidRead, Seen: Ended}}, Delivered, []Action{RecordDelivered}},
		{"a KILL hurries the delivery", delivering, []Event{{Kind: DidWrite}, {Kind: Kill}}, Delivering, []Action{Read}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, last := follow(tc.from, tc.events...)
			if diff := cmp.Diff(tc.last, last); diff != "" || r.State != tc.state {
				t.Errorf("%s: %s", r.State, diff)
			}
		})
	}
}

func TestDoubtfulFailureIsConfirmed(t *testing.T) {
	for status, want := range map[Status][]Action{StatusSuccess: {RecordDelivered}, StatusFailure: {Confirm}} {
		r, _ := Accept(Rules{}, NoFate)
		_, last := follow(r, append(append([]Event{}, ours...), Event{Kind: WantsTick}, Event{Kind: DidWrite, Answer: Unknown},
			Event{Kind: Exited, Status: status}, Event{Kind: DidWrite, Answer: Written})...)
		if diff := cmp.Diff(want, last); diff != "" {
			t.Errorf("%s: %s", status, diff)
		}
	}
}

func TestResume(t *testing.T) {
	for _, tc := range []struct {
		at     Recorded
		state  State
		status Status
		first  []Action
	}{
		{RecordedAccepted, Claiming, "", []Action{Read}},
		{RecordedStarted, Delivering, StatusFailure, []Action{RecordEnded, Read}},
		{RecordedFate, Claiming, StatusCancelled, []Action{Read}},
		{RecordedEnded, Delivering, StatusCancelled, []Action{Read}},
	} {
		r, first := Resume(Rules{}, tc.at, Killed, StatusCancelled)
		if diff := cmp.Diff(tc.first, first); diff != "" || r.State != tc.state || r.Status != tc.status {
			t.Errorf("%d: %s %s %s", tc.at, r.State, r.Status, diff)
		}
	}
}

// What an earlier process sent may land on top of a FAILURE.
func TestResumedIsDoubtful(t *testing.T) {
	for _, fate := range []Fate{NoFate, Refused} {
		r, _ := Resume(Rules{}, RecordedAccepted, fate, "")
		r, _ = follow(r, ours...)
		_, last := follow(r, Event{Kind: Exited, Status: StatusFailure}, Event{Kind: DidWrite, Answer: Written})
		if diff := cmp.Diff([]Action{Confirm}, last); diff != "" {
			t.Errorf("%q: %s", fate, diff)
		}
	}
}

func TestFinal(t *testing.T) {
	for _, tc := range []struct {
		fate Fate
		was  Status
		want Status
	}{
		{NoFate, StatusSuccess, StatusSuccess}, {NoFate, StatusFailure, StatusFailure}, {NoFate, StatusCancelled, StatusFailure}, {NoFate, "", StatusFailure},
		{Killed, StatusSuccess, StatusSuccess}, {Killed, StatusCancelled, StatusCancelled}, {Killed, StatusFailure, StatusCancelled}, {Killed, "", StatusCancelled},
		{TimedOut, StatusCancelled, StatusFailure}, {Drained, StatusCancelled, StatusFailure}, {Drained, StatusSuccess, StatusSuccess},
		{Refused, "", StatusFailure}, {Interrupted, "", StatusFailure},
	} {
		if got := tc.fate.Final(tc.was); got != tc.want {
			t.Errorf("%q of %q is %s, want %s", tc.was, tc.fate, got, tc.want)
		}
	}
}

// Every run that can be reached takes every event: no start without ownership
// and record, no write of an end that is not recorded, nothing after the end.
func TestEveryEventEverywhere(t *testing.T) {
	seen := map[Run]bool{}
	var visit func(r Run, depth int)
	visit = func(r Run, depth int) {
		r.Attempts = min(r.Attempts, 1)
		if seen[r] || depth > 40 {
			return
		}
		seen[r] = true
		for _, e := range everyEvent() {
			next, actions := r.Next(e)
			judgeStep(t, r, e, next, actions)
			visit(next, depth+1)
		}
	}
	for _, rules := range []Rules{{}, {Settle: true}, {Ephemeral: true}, {Settle: true, Ephemeral: true}} {
		for _, fate := range []Fate{NoFate, Refused} {
			r, _ := Accept(rules, fate)
			visit(r, 0)
		}
		for _, at := range []Recorded{RecordedAccepted, RecordedStarted, RecordedFate, RecordedEnded} {
			r, _ := Resume(rules, at, Killed, StatusCancelled)
			visit(r, 0)
		}
	}
	t.Logf("%d different runs", len(seen))
	if len(seen) < 100 {
		t.Error("that cannot be all")
	}
}

func everyEvent() (all []Event) {
	for k := range kinds {
		switch k {
		case DidRead:
			for s := range seens {
				all = append(all, Event{Kind: k, Seen: s})
			}
		case DidWrite:
			for a := range answers {
				all = append(all, Event{Kind: k, Answer: a})
			}
		case Exited:
			for _, s := range []Status{StatusSuccess, StatusFailure, StatusCancelled} {
				all = append(all, Event{Kind: k, Status: s})
			}
		default:
			all = append(all, Event{Kind: k})
		}
	}
	return all
}

func judgeStep(t *testing.T, r Run, e Event, next Run, actions []Action) {
	t.Helper()
	recorded := r.State == Delivering
	for _, a := range actions {
		switch {
		case a == Start && (r.State != Claiming || e.Seen != Ours || !next.slot || next.Fate != NoFate),
			a == RecordStarting && (r.State != Running || r.Begun),
			a == Stop && next.State != Stopping,
			a == Write && !recorded,
			a == Claim && e.Seen != Absent,
			a == RecordDelivered && next.State != Delivered,
			a == RecordDropped && next.State != Dropped:
			t.Errorf("%+v %+v: %v", r, e, actions)
		case a == RecordEnded:
			recorded = true
		}
	}
	switch {
	case r.State.Over() && (len(actions) > 0 || next != r):
		t.Errorf("%+v is over, and %+v makes it %+v", r, e, next)
	case next.State.Over() && (next.slot || next.doing != nothing):
		t.Errorf("%+v %+v: it is over with a slot or something to do", next, e)
	case (next.State == Running || next.State == Stopping) != next.slot && next.State != Claiming:
		t.Errorf("%+v %+v: slot %v", next, e, next.slot)
	case next.Status == StatusCancelled && next.Fate != Killed:
		t.Errorf("%+v %+v: cancelled by nobody", next, e)
	case !next.State.Over() && next.doing == nothing && next.State != Running && next.State != Stopping:
		t.Errorf("%+v %+v: nothing will ever happen to it", next, e)
	}
}
