package gms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// The kinds of changes.
const (
	Upsert = "UPSERT" // write or replace
	Create = "CREATE" // write unless there is one: else an Error that Exists
)

// The execution request and its aspects.
const (
	ExecutionRequest = "dataHubExecutionRequest"
	InputAspect      = "dataHubExecutionRequestInput"
	SignalAspect     = "dataHubExecutionRequestSignal"
	ResultAspect     = "dataHubExecutionRequestResult"
)

// IfVersionMatch is the header of a proposal with which it is taken only while
// the aspect has that version; "-1" means while there is none.
const IfVersionMatch = "If-Version-Match"

// Proposal is one aspect to be written.
type Proposal struct {
	EntityType string
	Key        string // JSON of the key aspect: {"id":"..."}
	URN        string // instead of Key
	Aspect     string
	Value      []byte // JSON
	ChangeType string // "" is Upsert
	RunID      string // "" is GMS's own default
	// Properties go to the system metadata; nil is what upstream's executor says.
	Properties map[string]string
	// Headers are conditions, such as IfVersionMatch; servers before 1.0 know none.
	Headers map[string]string
}

// RunURN is the urn of an execution request.
func RunURN(id string) string { return "urn:li:" + ExecutionRequest + ":" + id }

// RunProposal is a proposal for an aspect of an execution request, addressed by
// its key, as upstream does it.
func RunProposal(id, aspect string, value []byte) Proposal {
	key, _ := json.Marshal(map[string]string{"id": id})
	return Proposal{EntityType: ExecutionRequest, Key: string(key), Aspect: aspect, Value: value}
}

// Propose writes the aspect and returns once GMS has stored it. A write whose
// answer is lost is repeated; see Error.Attempts.
func (c *Client) Propose(ctx context.Context, p Proposal) error {
	op := "proposing " + p.Aspect
	body, err := p.Encode(c.now())
	if err != nil {
		return &Error{Kind: Rejected, Op: op, Detail: clip(err.Error()), err: err}
	}
	_, err = c.do(ctx, call{
		op: op, method: http.MethodPost, path: "aspects", query: url.Values{"action": {"ingestProposal"}}, body: body,
		judge: func(a *answer) *Error {
			// A login page of a proxy comes with status 200 as well.
			var written struct {
				Value *string `json:"value"`
			}
			if json.Unmarshal(a.body, &written) != nil || written.Value == nil {
				return foreign("the answer is not that of a write")
			}
			return nil
		},
	})
	return err
}

// Encode returns the body of the request, all of it ASCII: not every part on
// the way treats other characters alike.
func (p Proposal) Encode(now time.Time) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	w := bytes.NewBuffer(make([]byte, 0, 512+len(p.Value)+len(p.Value)/8))
	w.WriteString(`{"proposal":{"entityType":`)
	quote(w, p.EntityType)
	if p.URN != "" {
		w.WriteString(`,"entityUrn":`)
		quote(w, p.URN)
	} else {
		w.WriteString(`,"entityKeyAspect":`)
		generic(w, []byte(p.Key))
	}
	w.WriteString(`,"changeType":`)
	change := p.ChangeType
	if change == "" {
		change = Upsert
	}
	quote(w, change)
	w.WriteString(`,"aspectName":`)
	quote(w, p.Aspect)
	w.WriteString(`,"aspect":`)
	generic(w, p.Value)
	p.metadata(w, now)
	w.WriteString(`},"async":"false"}`)
	return w.Bytes(), nil
}

func (p Proposal) check() error {
	var errs []error
	if p.EntityType == "" || p.Aspect == "" {
		errs = append(errs, errors.New("a proposal needs an entity type and an aspect"))
	}
	if (p.Key == "") == (p.URN == "") {
		errs = append(errs, errors.New("a proposal has either a key or a urn"))
	}
	if p.Key != "" && !json.Valid([]byte(p.Key)) {
		errs = append(errs, errors.New("the key is not JSON"))
	}
	if !json.Valid(p.Value) {
		errs = append(errs, fmt.Errorf("the value of %s is not JSON", p.Aspect))
	}
	return errors.Join(errs...)
}

// metadata writes the headers and the system metadata.
func (p Proposal) metadata(w *bytes.Buffer, now time.Time) {
	if len(p.Headers) > 0 {
		w.WriteString(`,"headers":`)
		object(w, p.Headers)
	}
	w.WriteString(`,"systemMetadata":{"lastObserved":`)
	w.WriteString(strconv.FormatInt(now.UnixMilli(), 10))
	run := p.RunID
	if run == "" {
		run = "no-run-id-provided"
	}
	w.WriteString(`,"runId":`)
	quote(w, run)
	properties := p.Properties
	if properties == nil {
		properties = map[string]string{"appSource": "reportingExecutor"}
	}
	w.WriteString(`,"properties":`)
	object(w, properties)
	w.WriteByte('}')
}

func object(w *bytes.Buffer, m map[string]string) {
	w.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			w.WriteByte(',')
		}
		quote(w, key)
		w.WriteByte(':')
		quote(w, m[key])
	}
	w.WriteByte('}')
}

// EncodedSize is the length of what Encode returns, without the work: for those
// who have to stay within a budget. It is 0 where Encode fails.
func EncodedSize(p Proposal, now time.Time) int {
	value := p.Value
	if !json.Valid(value) {
		return 0
	}
	p.Value = []byte("0")
	body, err := p.Encode(now)
	if err != nil {
		return 0
	}
	return len(body) - 1 + embeddedSize(value)
}
