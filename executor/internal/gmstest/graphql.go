package gmstest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// graphql serves the queries that an executor makes. It does not parse them;
// it goes by the field's name and the variables.
func (s *Server) graphql(w http.ResponseWriter, r *http.Request, body []byte) {
	var q struct {
		Query     string `json:"query"`
		Variables struct {
			URN   string          `json:"urn"`
			Input json.RawMessage `json:"input"`
		} `json:"variables"`
		Operation string `json:"operationName"`
	}
	if json.Unmarshal(body, &q) != nil || q.Query == "" {
		fail(w, http.StatusBadRequest, "no query")
		return
	}
	switch {
	case strings.Contains(q.Query, "getSecretValues"):
		s.secretValues(w, r, q.Variables.Input)
	case strings.Contains(q.Query, "listExecutionRequests") && !s.lacks(WithoutLists):
		s.listRequests(w, q.Variables.Input)
	case strings.Contains(q.Query, "executionRequest(") && !s.lacks(WithoutLists):
		s.mu.Lock()
		defer s.mu.Unlock()
		reply(w, map[string]any{"data": map[string]any{"executionRequest": s.request(q.Variables.URN)}})
	default:
		field := strings.Trim(q.Query[max(0, strings.IndexByte(q.Query, '{')):], "{ \n\t")
		field = field[:strings.IndexAny(field+" ", " ({\n")]
		reply(w, map[string]any{"errors": []any{map[string]any{
			"message":    "Validation error (FieldUndefined@[" + field + "]) : Field '" + field + "' in type 'Query' is undefined",
			"extensions": map[string]any{"classification": "ValidationError"},
		}}})
	}
}

// secretValues leaves out the secrets that do not exist.
func (s *Server) secretValues(w http.ResponseWriter, r *http.Request, raw json.RawMessage) {
	var input struct {
		Secrets []string `json:"secrets"`
	}
	if json.Unmarshal(raw, &input) != nil {
		fail(w, http.StatusBadRequest, "no input")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.guard && !strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
		queryError(w, http.StatusForbidden, "Unauthorized to read secret values.")
		return
	}
	values := []any{}
	for _, name := range input.Secrets {
		if value, ok := s.secrets[name]; ok {
			values = append(values, map[string]string{"name": name, "value": value})
		}
	}
	reply(w, map[string]any{"data": map[string]any{"getSecretValues": values}})
}

func queryError(w http.ResponseWriter, status int, message string) {
	reply(w, map[string]any{"data": map[string]any{}, "errors": []any{map[string]any{
		"message": message, "path": []string{"query"},
		"extensions": map[string]any{"code": status, "classification": "DataFetchingException"},
	}}})
}

// listRequests pages through what search knows.
func (s *Server) listRequests(w http.ResponseWriter, raw json.RawMessage) {
	input := struct {
		Start int `json:"start"`
		Count int `json:"count"`
	}{Count: 20}
	if json.Unmarshal(raw, &input) != nil {
		fail(w, http.StatusBadRequest, "no input")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	urns := s.indexed(requestType)
	page := []any{}
	for _, urn := range urns[min(input.Start, len(urns)):min(input.Start+input.Count, len(urns))] {
		page = append(page, s.summary(urn))
	}
	reply(w, map[string]any{"data": map[string]any{"listExecutionRequests": map[string]any{
		"start": input.Start, "count": input.Count, "total": len(urns), "executionRequests": page,
	}}})
}

// summary is an execution request in a list; s.mu is held.
func (s *Server) summary(urn string) any {
	input, _ := s.latest(urn, inputAspect)
	result, _ := s.latest(urn, resultAspect)
	return map[string]any{"urn": urn, "input": input.listed, "result": result.listed}
}

// request is an execution request as GraphQL has it; s.mu is held.
func (s *Server) request(urn string) any {
	if _, ok := s.entities[urn]; !ok {
		return nil
	}
	request := map[string]any{"urn": urn, "id": urn[strings.LastIndexByte(urn, ':')+1:], "input": nil, "result": nil}
	if v, ok := s.latest(urn, inputAspect); ok {
		request["input"] = v.value
	}
	if v, ok := s.latest(urn, resultAspect); ok {
		request["result"] = v.value
	}
	return request
}
