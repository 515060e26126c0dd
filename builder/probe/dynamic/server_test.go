package dynamic

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// peer is a server that is asked by HTTP, as executors and attacks do.
type peer struct {
	t   *testing.T
	url string
	*server
}

func newPeer(t *testing.T) peer {
	s, mux := newServer(), http.NewServeMux()
	s.register(mux)
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return peer{t, h.URL, s}
}

// ask posts a body, or gets where it is empty, and decodes the answer.
func (p peer) ask(path, body string, into any) int {
	p.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			p.t.Fatalf("%s: %v: %s", path, err, answer)
		}
	}
	return response.StatusCode
}

func (p peer) add(id, result string) {
	p.t.Helper()
	if status := p.ask("/control/requests", fmt.Sprintf(`{"urn": %q, "input": {"task": %q}, "result": %s}`, requestURN+id, id, result), nil); status != http.StatusOK {
		p.t.Fatalf("adding %s: status %d", id, status)
	}
}

func proposed(change, id, status string) string {
	return fmt.Sprintf(`{"proposal": {"entityType": "dataHubExecutionRequest", "entityKeyAspect": {"value": "{\"id\": %s}"}, "changeType": %q,
		"aspectName": %q, "aspect": {"value": "{\"status\": \"%s\"}"}, "systemMetadata": {"lastObserved": 5}}, "async": "false"}`, `\"`+id+`\"`, change, resultAspect, status)
}

const ingestProposal = "/gms/aspects?action=ingestProposal"

func TestServerListsRequestsTheNewestFirst(t *testing.T) {
	p := newPeer(t)
	p.add("a", "null")
	p.add("b", `{"status": "RUNNING"}`)
	p.add("c", "null")
	var got any
	p.ask("/gms/api/graphql", `{"query": "query listExecutionRequests", "variables": {"input": {"start": 1, "count": 5}}}`, &got)
	want := map[string]any{"data": map[string]any{"listExecutionRequests": map[string]any{
		"start": 1.0, "count": 2.0, "total": 3.0, "executionRequests": []any{
			map[string]any{"urn": requestURN + "b", "input": map[string]any{"task": "b"}, "result": map[string]any{"status": "RUNNING"}},
			map[string]any{"urn": requestURN + "a", "input": map[string]any{"task": "a"}, "result": nil},
		},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServerKeepsProposals(t *testing.T) {
	p := newPeer(t)
	p.add("a", "null")
	for _, step := range []struct {
		change, status string
		want           int
	}{{"CREATE", "RUNNING", 200}, {"CREATE", "STOLEN", 422}, {"UPSERT", "SUCCESS", 200}} {
		if got := p.ask(ingestProposal, proposed(step.change, "a", step.status), nil); got != step.want {
			t.Errorf("%s %s: status %d, want %d", step.change, step.status, got, step.want)
		}
	}
	var got []written
	p.ask("/control/written?values", "", &got)
	urn := requestURN + "a"
	want := []written{
		{urn, "CREATE", resultAspect, "RUNNING", `{"status": "RUNNING"}`},
		{urn, "CREATE", resultAspect, "STOLEN", `{"status": "STOLEN"}`},
		{urn, "UPSERT", resultAspect, "SUCCESS", `{"status": "SUCCESS"}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	var entities any
	p.ask("/gms/openapi/v3/entity/dataHubExecutionRequest/batchGet", fmt.Sprintf(`[{"urn": %q, %q: {}}, {"urn": "urn:li:x:y"}]`, urn, resultAspect), &entities)
	if diff := cmp.Diff([]any{map[string]any{"urn": urn, resultAspect: map[string]any{
		"value": map[string]any{"status": "SUCCESS"}, "systemMetadata": map[string]any{"lastObserved": 5.0, "version": "2"},
	}}}, entities); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestServerIsBounded(t *testing.T) {
	p := newPeer(t)
	p.kept = maxServerKept - 2*entryCost
	if got := p.ask(ingestProposal, proposed("UPSERT", "a", strings.Repeat("x", 2*entryCost)), nil); got != http.StatusInsufficientStorage {
		t.Errorf("a value beyond the bound: status %d", got)
	}
	if got := p.ask(ingestProposal, strings.Repeat("x", maxServerBody+1), nil); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a body beyond the bound: status %d", got)
	}
	p.kept = 0
	for n := range maxServerRuns {
		p.add(fmt.Sprint(n), "null")
	}
	if got := p.ask("/control/requests", `{"urn": "x", "input": {}}`, nil); got != http.StatusInsufficientStorage {
		t.Errorf("a run beyond the bound: status %d", got)
	}
	if len(p.written) != 0 {
		t.Errorf("%d values are kept", len(p.written))
	}
}

func TestServerRefusesWhatItDoesNotUnderstand(t *testing.T) {
	p := newPeer(t)
	for path, body := range map[string]string{
		"/gms/aspects?action=other": proposed("UPSERT", "a", "x"),
		ingestProposal:              `{"proposal": {"entityType": "x", "entityUrn": "urn:li:x:y", "aspectName": "z", "aspect": {"value": "no JSON"}}}`,
		"/control/requests":         `[]`,
		"/gms/openapi/v3/entity/dataHubExecutionRequest/batchGet": `[{"urn": 1}]`,
	} {
		if got := p.ask(path, body, nil); got != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", path, got)
		}
	}
}
