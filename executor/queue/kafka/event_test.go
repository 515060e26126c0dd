package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/twmb/avro"

	"github.com/lockforge/lockforge/executor/queue"
)

// logSchema is like that of DataHub's change log, with a part of its fields,
// so that no wheel is needed; others are skipped by the name.
const logSchema = `{"type":"record","name":"MetadataChangeLog","namespace":"com.linkedin.pegasus2avro.mxe","fields":[
 {"name":"auditHeader","type":["null",{"type":"record","name":"KafkaAuditHeader","fields":[{"name":"time","type":"long"},{"name":"id","type":{"type":"fixed","name":"UUID","size":16}}]}]},
 {"name":"entityType","type":"string"},{"name":"entityUrn","type":["null","string"]},
 {"name":"entityKeyAspect","type":["null",{"type":"record","name":"GenericAspect","fields":[{"name":"value","type":"bytes"},{"name":"contentType","type":"string"}]}]},
 {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["UPSERT","CREATE","RESTATE"]}},
 {"name":"aspectName","type":["null","string"]},{"name":"aspect","type":["null","GenericAspect"]},
 {"name":"headers","type":["null",{"type":"map","values":"string"}]}]}`

func encodeEvent(t testing.TB, aspect, value string) []byte {
	t.Helper()
	generic := func(text string) any {
		return map[string]any{"value": []byte(text), "contentType": "application/json"}
	}
	out, err := avro.MustParse(logSchema).AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, 7), map[string]any{
		"auditHeader": nil, "entityType": entity, "entityUrn": queue.URN("run"), "entityKeyAspect": generic(`{"id":"run"}`),
		"changeType": upsert, "aspectName": aspect, "aspect": generic(value), "headers": map[string]any{"a": "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func oneSchema(text string) schemaFor {
	schema := avro.MustParse(text)
	return func(_ context.Context, id uint32) (*avro.Schema, error) {
		if id != 7 {
			return nil, errUnknownSchema
		}
		return schema, nil
	}
}

func TestReadSchemasOfOtherShapes(t *testing.T) {
	value := encodeEvent(t, inputAspect, `{"task":"X"}`)
	for name, text := range map[string]string{
		"no record": `"string"`,
		"no fields": `{"type":"record","name":"x","fields":[]}`,
		"others":    `{"type":"record","name":"x","fields":[{"name":"entityType","type":"long"}]}`,
		"recursive": `{"type":"record","name":"x","fields":[{"name":"entityType","type":["null","x"]}]}`,
		"nothing":   `{"type":"array","items":"null"}`,
	} {
		if e, err := read(t.Context(), value, oneSchema(text)); !errors.Is(err, errPoison) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	e, err := read(t.Context(), value, oneSchema(logSchema))
	if err != nil || e.request == nil || e.request.Task != "X" || e.request.ID != "run" {
		t.Errorf("%+v, %v", e, err)
	}
}

// FuzzRead is about what anybody may write into the topic.
func FuzzRead(f *testing.F) {
	f.Add(encodeEvent(f, inputAspect, `{"task":"RUN_INGEST","args":{"recipe":"{}"},"executorId":"p"}`))
	f.Add(encodeEvent(f, signalAspect, `{"signal":"KILL"}`))
	f.Add(encodeEvent(f, inputAspect, `{`))
	f.Add([]byte{0, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0x0f})
	schemas := oneSchema(logSchema)
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := read(t.Context(), value, schemas)
		switch {
		case err != nil:
			if !errors.Is(err, errPoison) && !errors.Is(err, errUnknownSchema) || e != (event{}) {
				t.Errorf("%+v, %v", e, err)
			}
		case e.request != nil && e.signal != nil:
			t.Error("both a request and a signal")
		case e.request != nil && (!queue.ValidID(e.request.ID) || e.request.Pool == ""),
			e.signal != nil && (!queue.ValidID(e.signal.ID) || e.signal.Name == ""):
			t.Errorf("%+v", e)
		}
	})
}
