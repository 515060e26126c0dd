package dynamic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Where attacks find the stand-in for DataHub's metadata service: beside the
// index, inside of the container's own network. What is below control is for
// the attacks alone.
const (
	serverURL = "http://" + indexAddress + "/gms"
	control   = "/control"
)

// Bounds of a server, which an attacked executor may write to without end.
const (
	maxServerBody = 64 << 20  // bytes of one request: four times what DataHub's server takes
	maxServerKept = 128 << 20 // bytes of all that is kept
	maxServerRuns = 200
	entryCost     = 1 << 10 // what one kept value takes besides its bytes
)

// The execution request's aspects, and the beginning of its urn.
const (
	inputAspect  = "dataHubExecutionRequestInput"
	resultAspect = "dataHubExecutionRequestResult"
	requestURN   = "urn:li:dataHubExecutionRequest:"
)

// server is as much of DataHub's metadata service as an executor needs that
// asks it for execution requests: the list of them, their aspects, and taking
// proposals. It judges none of what is written; it keeps all of it in order,
// for the attacks to look at. Each run of a container has its own.
type server struct {
	mu      sync.Mutex
	runs    []string                     // urns, the newest last
	aspects map[string]map[string]stored // by urn and name
	written []written
	kept    int
}

// stored is the state of an aspect.
type stored struct {
	value   json.RawMessage
	version int
	seen    int64 // milliseconds since 1970, by the writer
}

// written is one proposal that was taken, by its order.
type written struct {
	URN    string `json:"urn"`
	Change string `json:"change"` // "CREATE"
	Aspect string `json:"aspect"`
	Status string `json:"status"`          // of a result
	Value  string `json:"value,omitempty"` // JSON, as it came
}

// added is an execution request of an attack.
type added struct {
	URN    string          `json:"urn"`
	Input  json.RawMessage `json:"input"`
	Result json.RawMessage `json:"result"` // null: nobody has claimed it
}

// What is refused: a value beyond the bounds, and, in the words of DataHub's
// server, the creation of what is there.
var (
	errFull   = errors.New("this server keeps no more")
	errExists = errors.New("cannot perform CREATE since the aspect already exists")
)

func newServer() *server { return &server{aspects: map[string]map[string]stored{}} }

// register adds the server's addresses to a mux.
func (s *server) register(mux *http.ServeMux) {
	post := func(path string, answer func(body []byte, r *http.Request) (any, error)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxServerBody))
			if err != nil {
				refuse(w, http.StatusRequestEntityTooLarge, err)
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			value, err := answer(body, r)
			reply(w, value, err)
		})
	}
	post("/gms/api/graphql", func(body []byte, _ *http.Request) (any, error) { return s.query(body) })
	post("/gms/openapi/v3/entity/dataHubExecutionRequest/batchGet", func(body []byte, _ *http.Request) (any, error) { return s.read(body) })
	post("/gms/aspects", func(body []byte, r *http.Request) (any, error) { return s.propose(body, r.URL.Query().Get("action")) })
	post(control+"/requests", func(body []byte, _ *http.Request) (any, error) { return struct{}{}, s.add(body) })
	mux.HandleFunc("GET "+control+"/written", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		reply(w, s.list(r.URL.Query().Has("values")), nil)
	})
}

// list returns what was written, in order; values may be long.
func (s *server) list(values bool) []written {
	all := append([]written{}, s.written...) // not nil, which JSON has another word for
	for n := range all {
		if !values {
			all[n].Value = ""
		}
	}
	return all
}

// reply answers with a value, or with what is wrong with the question.
func reply(w http.ResponseWriter, value any, err error) {
	switch {
	case errors.Is(err, errFull):
		refuse(w, http.StatusInsufficientStorage, err)
	case err != nil:
		refuse(w, http.StatusUnprocessableEntity, err)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value) // who asked may have gone
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "message": err.Error()})
}

// add takes an execution request from an attack.
func (s *server) add(body []byte) error {
	var a added
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("reading a request: %w", err)
	}
	if len(s.runs) == maxServerRuns {
		return errFull
	}
	s.runs = append(s.runs, a.URN)
	if err := s.put(a.URN, inputAspect, a.Input, 1); err != nil {
		return err
	}
	if len(a.Result) > 0 && string(a.Result) != "null" {
		return s.put(a.URN, resultAspect, a.Result, 1)
	}
	return nil
}

// put stores the next version of an aspect.
func (s *server) put(urn, aspect string, value json.RawMessage, seen int64) error {
	if err := s.keep(value); err != nil {
		return err
	}
	if s.aspects[urn] == nil {
		s.aspects[urn] = map[string]stored{}
	}
	s.aspects[urn][aspect] = stored{value, s.aspects[urn][aspect].version + 1, seen}
	return nil
}

// keep makes room for a value, if there is any.
func (s *server) keep(value []byte) error {
	if s.kept+len(value)+entryCost > maxServerKept {
		return errFull
	}
	s.kept += len(value) + entryCost
	return nil
}

// query answers listExecutionRequests, the newest first; other queries are
// unknown to it, as they are to a server of another version.
func (s *server) query(body []byte) (any, error) {
	var q struct {
		Query     string `json:"query"`
		Variables struct {
			Input struct{ Start, Count int } `json:"input"`
		} `json:"variables"`
	}
	if err := json.Unmarshal(body, &q); err != nil || !strings.Contains(q.Query, "listExecutionRequests") {
		return map[string]any{"errors": []any{map[string]any{"message": "Validation error (FieldUndefined)"}}}, nil
	}
	all := []any{}
	for _, urn := range slices.Backward(s.runs) {
		request := map[string]any{"urn": urn, "input": s.aspects[urn][inputAspect].value, "result": nil}
		if result, ok := s.aspects[urn][resultAspect]; ok {
			request["result"] = result.value
		}
		all = append(all, request)
	}
	start := min(max(q.Variables.Input.Start, 0), len(all))
	end := min(start+max(q.Variables.Input.Count, 0), len(all))
	return map[string]any{"data": map[string]any{"listExecutionRequests": map[string]any{
		"start": start, "count": end - start, "total": len(all), "executionRequests": all[start:end],
	}}}, nil
}

// read answers with the aspects of some urns that are there.
func (s *server) read(body []byte) (any, error) {
	var asked []map[string]json.RawMessage
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, fmt.Errorf("reading a question for aspects: %w", err)
	}
	found := []any{}
	for _, a := range asked {
		var urn string
		if err := json.Unmarshal(a["urn"], &urn); err != nil {
			return nil, fmt.Errorf("reading a question for aspects: %w", err)
		}
		if s.aspects[urn] == nil {
			continue
		}
		entity := map[string]any{"urn": urn}
		for name, aspect := range s.aspects[urn] {
			if _, wanted := a[name]; wanted {
				entity[name] = map[string]any{"value": aspect.value, "systemMetadata": map[string]any{"lastObserved": aspect.seen, "version": strconv.Itoa(aspect.version)}}
			}
		}
		found = append(found, entity)
	}
	return found, nil
}

// proposal is what an executor writes: an aspect, of a urn or of an id.
type proposal struct {
	Type   string  `json:"entityType"`
	URN    string  `json:"entityUrn"`
	Key    generic `json:"entityKeyAspect"`
	Change string  `json:"changeType"`
	Aspect string  `json:"aspectName"`
	Value  generic `json:"aspect"`

	Metadata struct {
		Seen int64 `json:"lastObserved"`
	} `json:"systemMetadata"`
}

type generic struct {
	Value string `json:"value"`
}

// propose takes one proposal. CREATE is refused where the aspect is there:
// claims of runs build on that.
func (s *server) propose(body []byte, action string) (any, error) {
	var envelope struct {
		Proposal proposal `json:"proposal"`
	}
	if action != "ingestProposal" {
		return nil, fmt.Errorf("there is no action %.40q", action)
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, fmt.Errorf("reading a proposal: %w", err)
	}
	p := envelope.Proposal
	if p.URN == "" {
		var key struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(p.Key.Value), &key); err != nil {
			return nil, fmt.Errorf("reading a proposal's key: %w", err)
		}
		p.URN = "urn:li:" + p.Type + ":" + key.ID
	}
	var value struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal([]byte(p.Value.Value), &value); err != nil {
		return nil, fmt.Errorf("reading a proposal's value: %w", err)
	}
	if err := s.keep([]byte(p.Value.Value)); err != nil {
		return nil, err
	}
	s.written = append(s.written, written{p.URN, p.Change, p.Aspect, value.Status, p.Value.Value})
	if _, there := s.aspects[p.URN][p.Aspect]; there && p.Change == "CREATE" {
		return nil, errExists
	}
	if err := s.put(p.URN, p.Aspect, json.RawMessage(p.Value.Value), p.Metadata.Seen); err != nil {
		return nil, err
	}
	return map[string]string{"value": "success"}, nil
}
