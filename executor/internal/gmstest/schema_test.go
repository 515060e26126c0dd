package gmstest

import (
	"os"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

func TestAllSchemasAreUnderstood(t *testing.T) {
	path := os.Getenv("LOCKFORGE_CLI_WHEEL")
	if path == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL does not name a wheel of acryl-datahub")
	}
	s, err := wheelSchemas(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.aspects) < 100 || len(s.entities) < 30 {
		t.Errorf("%d aspects of %d entities", len(s.aspects), len(s.entities))
	}
	for name, schema := range s.aspects {
		if err := schema.prepare(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]bool{"assertionRunEvent": true, "datasetProfile": true, "operation": true, resultAspect: false} {
		if s.isSeries(name) != want {
			t.Errorf("%s: series = %t", name, !want)
		}
	}
}

// The forms that execution requests do not have.
func TestSchemaForms(t *testing.T) {
	s := &schema{text: []byte(`{"type":"record","name":"R","namespace":"com.linkedin.pegasus2avro.test","fields":[
		{"name":"choice","type":["null",{"type":"record","name":"A","fields":[{"name":"n","type":"int"}]},{"type":"record","name":"B","fields":[]},"string"],"default":null},
		{"name":"again","type":["null","A"],"default":null},
		{"name":"kind","type":{"type":"enum","name":"K","symbols":["X","Y"]},"default":"X"},
		{"name":"map","type":{"type":"map","values":"double"},"default":{}},
		{"name":"list","type":{"type":"array","items":"A"},"default":[]},
		{"name":"id","type":{"type":"fixed","name":"F","size":2},"default":"ab"},
		{"name":"raw","type":"bytes","default":""},
		{"name":"on","type":"boolean","default":false}]}`)}
	for text, ok := range map[string]bool{
		`{}`: true,
		`{"choice":{"com.linkedin.test.A":{"n":1}}}`:                 true,
		`{"choice":{"com.linkedin.pegasus2avro.test.B":{}}}`:         true,
		`{"choice":{"string":"x"}}`:                                  true,
		`{"choice":null,"again":{"n":2},"kind":"Y","map":{"a":1.5}}`: true,
		`{"list":[{"n":1},{"n":2}],"id":"xy","raw":"x","on":true}`:   true,
		`{"choice":{"n":1}}`:                                         false,
		`{"choice":"x"}`:                                             false,
		`{"choice":{"com.linkedin.test.C":{}}}`:                      false,
		`{"choice":{"com.linkedin.test.A":{"n":1,"m":2}}}`:           false,
		`{"again":{"n":3000000000}}`:                                 false,
		`{"kind":"Z"}`:                                               false,
		`{"kind":null}`:                                              false,
		`{"map":{"a":"b"}}`:                                          false,
		`{"map":[]}`:                                                 false,
		`{"list":{}}`:                                                false,
		`{"list":[{"n":"1"}]}`:                                       false,
		`{"id":"xyz"}`:                                               false,
		`{"on":"true"}`:                                              false,
		`[]`:                                                         false,
	} {
		if err := s.check([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
