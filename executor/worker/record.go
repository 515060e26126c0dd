package worker

import (
	"encoding/json"
	"fmt"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

// accepted is the data of journal.Accepted.
type accepted struct {
	Request queue.Request `json:"request"`
	// Claim is the first line of the run's report, by which this executor
	// knows its own claim after a restart, an upgrade or a change of name.
	Claim string `json:"claim"`
}

// starting is the data of journal.Starting.
type starting struct {
	StartTimeMS int64 `json:"startTimeMs"`
}

// process is the data of journal.Started.
type process struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"startTime"`
}

// ended is the data of journal.Ended.
type ended struct {
	Result Result         `json:"result"`
	Fate   lifecycle.Fate `json:"fate,omitempty"`
	// Owned says that the run is ours; without it, it has to be claimed before
	// the result may be sent.
	Owned bool `json:"owned,omitempty"`
	// Alive says that a child may live: the result is what a KILL makes of it
	// should this process end before the child.
	Alive   bool     `json:"alive,omitempty"`
	Process *process `json:"process,omitempty"`
}

// done is the data of journal.Delivered and journal.Dropped.
type done struct {
	Status string `json:"status,omitempty"` // at the server
	Note   string `json:"note,omitempty"`
}

func (w *Worker) append(id string, s journal.State, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding record %s of run %s: %w", s, id, err)
	}
	return w.o.Journal.Append(journal.Record{At: w.o.Now().UnixMilli(), ID: id, State: s, Data: encoded})
}

// load reads the data of a state. The journal checks that it is what was
// written; what is not JSON of its kind is of another version.
func load[T any](w *Worker, id string, s journal.State) (data T, err error) {
	encoded, err := w.o.Journal.Data(id, s)
	if err != nil {
		return data, fmt.Errorf("reading record %s of run %s: %w", s, id, err)
	}
	if err := json.Unmarshal(encoded, &data); err != nil {
		return data, fmt.Errorf("reading record %s of run %s: %w", s, id, err)
	}
	return data, nil
}
