package audit

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of what an event may hold; what is longer is cut.
const (
	// MaxText bounds one text, in bytes.
	MaxText = 1024
	// MaxName bounds one text in a list, in bytes.
	MaxName = 256
	// MaxNames bounds a list; a recipe has no more secrets than that.
	MaxNames = 1000
	// MaxFacts bounds the facts of a run.
	MaxFacts = 100
)

// Kind is what happened.
type Kind string

// Kinds of events.
const (
	KindTaskReceived   Kind = "task-received"
	KindTaskRefused    Kind = "task-refused"
	KindTaskStarted    Kind = "task-started"
	KindTaskEnded      Kind = "task-ended"
	KindTaskCancelled  Kind = "task-cancelled"
	KindSecretResolved Kind = "secret-resolved"
	KindPolicyLoaded   Kind = "policy-loaded"
	KindConfigLoaded   Kind = "config-loaded"
	KindAuthFailure    Kind = "auth-failure"
	KindDrain          Kind = "drain"
	KindRecovery       Kind = "recovery"
	KindRotation       Kind = "rotation" // of the trail itself
)

// announces says whether events of this kind are recorded before they happen.
func (k Kind) announces() bool { return k == KindTaskStarted || k == KindRotation }

// Event is something that happened; the functions below make them. Its texts
// must be masked already where a secret's value can be in them.
type Event struct {
	Kind   Kind
	Run    string // id of the run, if there is one
	Actor  string // URN of who asked for it, as far as it is known
	Detail Detail
}

// Detail has the members that a kind of event needs.
type Detail struct {
	Task     string            `json:"task,omitempty"`     // "RUN_INGEST"
	Via      string            `json:"via,omitempty"`      // "kafka", "gms", "signal"
	Pool     string            `json:"pool,omitempty"`     //
	Venv     string            `json:"venv,omitempty"`     // directory of the bundled venv
	Recipe   string            `json:"recipe,omitempty"`   // digest of its canonical form
	Sandbox  []string          `json:"sandbox,omitempty"`  // controls that the child got
	Rules    []string          `json:"rules,omitempty"`    // ids
	Reason   string            `json:"reason,omitempty"`   //
	Status   string            `json:"status,omitempty"`   // "SUCCESS"
	Millis   int64             `json:"millis,omitempty"`   // duration
	Secrets  []Secret          `json:"secrets,omitempty"`  //
	Source   string            `json:"source,omitempty"`   // file, or "built-in"
	Digest   string            `json:"digest,omitempty"`   // of what was loaded
	Peer     string            `json:"peer,omitempty"`     // "gms", "kafka", the ID of a store
	Code     int               `json:"code,omitempty"`     // HTTP status
	Running  int               `json:"running,omitempty"`  // runs that were going on
	Requeued int               `json:"requeued,omitempty"` // runs
	Ended    int               `json:"ended,omitempty"`    // runs whose result is still to be delivered
	Orphans  int               `json:"orphans,omitempty"`  // runs whose processes are to be killed
	Kept     uint64            `json:"kept,omitempty"`     // number of the record that the trail begins with from now on
	Facts    map[string]string `json:"facts,omitempty"`
}

// Secret says where a value came from; never what it is.
type Secret struct {
	Name  string `json:"name"`
	Store string `json:"store"`
}

// Subject is whom and what an event of a run is about.
type Subject struct {
	Run   string
	Actor string
}

func (s Subject) event(kind Kind, d Detail) Event { return Event{kind, s.Run, s.Actor, d} }

// TaskReceived is for a request that the executor took over.
func TaskReceived(s Subject, task, pool, via string) Event {
	return s.event(KindTaskReceived, Detail{Task: task, Pool: pool, Via: via})
}

// TaskRefused is for a request that the rules with these ids forbid.
func TaskRefused(s Subject, rules []string, reason string) Event {
	return s.event(KindTaskRefused, Detail{Rules: rules, Reason: reason})
}

// Child is what runs a task.
type Child struct {
	Venv    string   // directory of the bundled venv
	Recipe  string   // "sha256:<hex>" of the recipe's canonical form, without secrets
	Sandbox []string // the controls it got
}

// TaskStarted is for a child that is about to exist.
func TaskStarted(s Subject, c Child) Event {
	return s.event(KindTaskStarted, Detail{Venv: c.Venv, Recipe: c.Recipe, Sandbox: c.Sandbox})
}

// TaskEnded is for a run of which nothing is left. Facts are digests and names.
func TaskEnded(s Subject, status, reason string, took time.Duration, facts map[string]string) Event {
	return s.event(KindTaskEnded, Detail{Status: status, Reason: reason, Millis: took.Milliseconds(), Facts: facts})
}

// TaskCancelled is for a run that somebody told to stop.
func TaskCancelled(s Subject, via, reason string) Event {
	return s.event(KindTaskCancelled, Detail{Via: via, Reason: reason})
}

// SecretResolved is for the secrets that a run is given: by name, the ID of the
// store that had it.
func SecretResolved(s Subject, from map[string]string) Event {
	secrets := make([]Secret, 0, len(from))
	for _, name := range slices.Sorted(maps.Keys(from)) {
		secrets = append(secrets, Secret{name, from[name]})
	}
	return s.event(KindSecretResolved, Detail{Secrets: secrets})
}

// PolicyLoaded is for a recipe policy that holds from now on.
func PolicyLoaded(source, digest string, rules []string) Event {
	return Event{Kind: KindPolicyLoaded, Detail: Detail{Source: source, Digest: digest, Rules: rules}}
}

// ConfigLoaded is for a configuration that holds from now on; its digest is of
// a form without secrets.
func ConfigLoaded(source, digest string) Event {
	return Event{Kind: KindConfigLoaded, Detail: Detail{Source: source, Digest: digest}}
}

// AuthFailure is for a peer that does not let the executor in.
func AuthFailure(peer string, code int, reason string) Event {
	return Event{Kind: KindAuthFailure, Detail: Detail{Peer: peer, Code: code, Reason: reason}}
}

// Drain is for an executor that takes no more runs.
func Drain(reason string, running int) Event {
	return Event{Kind: KindDrain, Detail: Detail{Reason: reason, Running: running}}
}

// Recovered counts what an earlier process of the executor left behind.
type Recovered struct {
	Requeued, Ended, Orphans int
	// Reason says what was damaged, if anything was.
	Reason string
}

// Recovery is for what was done about it.
func Recovery(r Recovered) Event {
	return Event{Kind: KindRecovery, Detail: Detail{Requeued: r.Requeued, Ended: r.Ended, Orphans: r.Orphans, Reason: r.Reason}}
}

// rotation is for files of the trail that are removed because of their number.
func rotation(kept uint64) Event { return Event{Kind: KindRotation, Detail: Detail{Kept: kept}} }

// bounded returns the event with its texts and lists cut to their bounds, as
// UTF-8.
func (e Event) bounded() Event {
	d := &e.Detail
	for _, text := range []*string{&e.Run, &e.Actor, &d.Task, &d.Via, &d.Pool, &d.Venv, &d.Recipe, &d.Reason, &d.Status, &d.Source, &d.Digest, &d.Peer} {
		*text = cut(*text, MaxText)
	}
	d.Sandbox, d.Rules = cutAll(d.Sandbox), cutAll(d.Rules)
	var secrets []Secret
	for _, s := range d.Secrets[:min(len(d.Secrets), MaxNames)] {
		secrets = append(secrets, Secret{cut(s.Name, MaxName), cut(s.Store, MaxName)})
	}
	facts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Facts))[:min(len(d.Facts), MaxFacts)] {
		facts[cut(name, MaxName)] = cut(d.Facts[name], MaxText)
	}
	d.Secrets, d.Facts = secrets, facts
	return e
}

func cutAll(texts []string) []string {
	var all []string
	for _, text := range texts[:min(len(texts), MaxNames)] {
		all = append(all, cut(text, MaxName))
	}
	return all
}

// cut returns the beginning of a text that is not too long, as UTF-8.
func cut(text string, limit int) string {
	const mark = "…"
	if len(text) > limit {
		text = text[:limit-len(mark)] + mark
	}
	return strings.ToValidUTF8(text, "")
}
