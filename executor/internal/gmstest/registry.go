package gmstest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// ChangeLogID is the id under which GMS's own registry has the schema of the
// log of changes.
const ChangeLogID = 2

// ChangeLogTopic is the topic of the log of changes.
const ChangeLogTopic = "MetadataChangeLog_Versioned_v1"

// registry serves what a consumer asks of a schema registry in Confluent's form.
func (s *Server) registry(w http.ResponseWriter, r *http.Request, path string) {
	schema := s.ChangeLogSchema()
	answer := func(value any) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		_ = json.NewEncoder(w).Encode(value) // the caller may have gone
	}
	subject := ChangeLogTopic + "-value"
	version := map[string]any{"subject": subject, "version": 1, "id": ChangeLogID, "schema": schema}
	switch {
	case schema == "" || r.Method != http.MethodGet:
	case path == "": // GMS answers its root with nothing, to say that it is ready
		return
	case path == "schemas/ids/"+strconv.Itoa(ChangeLogID):
		answer(map[string]any{"schema": schema})
		return
	case path == "subjects":
		answer([]string{subject})
		return
	case path == "subjects/"+subject+"/versions":
		answer([]int{1})
		return
	case path == "subjects/"+subject+"/versions/latest", path == "subjects/"+subject+"/versions/1":
		answer(version)
		return
	case path == "schemas/types":
		answer([]string{"AVRO"})
		return
	}
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]any{"error_code": 40403, "message": "Schema not found"})
}
