package gmstest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
)

// Event returns a change as the log of changes carries it: Confluent's frame
// (a zero byte, the schema's id in four bytes) and Avro. It needs a wheel.
func (s *Server) Event(c Change) ([]byte, error) {
	if s.schemas == nil {
		return nil, errors.New("there are no schemas without a wheel of acryl-datahub")
	}
	record := map[string]any{
		"auditHeader": nil, "entityType": c.EntityType, "entityUrn": c.URN, "entityKeyAspect": aspectRecord(c.Key),
		"changeType": c.ChangeType, "aspectName": c.Aspect, "aspect": aspectRecord(c.Value),
		"systemMetadata": metadataRecord(c.Metadata, c.At.UnixMilli()), "headers": nil,
		"previousAspectValue": aspectRecord(c.Previous), "previousSystemMetadata": nil,
		"created": map[string]any{"time": c.At.UnixMilli(), "actor": actor, "impersonator": nil, "message": nil},
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, ChangeLogID)
	return s.schemas.logCodec.AppendEncode(frame, record)
}

func aspectRecord(value json.RawMessage) any {
	if value == nil {
		return nil
	}
	return map[string]any{"value": []byte(value), "contentType": "application/json"}
}

// metadataRecord has what the executor's own writes have; GMS adds more.
func metadataRecord(raw json.RawMessage, at int64) any {
	var m struct {
		LastObserved int64             `json:"lastObserved"`
		RunID        string            `json:"runId"`
		Properties   map[string]string `json:"properties"`
	}
	_ = json.Unmarshal(raw, &m) // it was judged before
	if m.LastObserved == 0 {
		m.LastObserved = at
	}
	if m.RunID == "" {
		m.RunID = "no-run-id-provided"
	}
	record := map[string]any{
		"lastObserved": m.LastObserved, "runId": m.RunID, "lastRunId": "no-run-id-provided", "pipelineName": nil,
		"registryName": nil, "registryVersion": nil, "properties": nil, "version": nil, "schemaVersion": nil,
		"aspectCreated": nil, "aspectModified": nil,
	}
	if m.Properties != nil {
		record["properties"] = m.Properties
	}
	return record
}
