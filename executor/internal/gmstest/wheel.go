package gmstest

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/twmb/avro"
)

// schemaDir is where the wheel of acryl-datahub has its schemas.
const schemaDir = "datahub/metadata/schemas/"

// maxSchema bounds one schema file, in bytes.
const maxSchema = 8 << 20

// schemas are those of one release, by the name of the aspect.
type schemas struct {
	aspects  map[string]*schema
	entities map[string]map[string]bool // the aspects of each entity type
	log      string                     // of the log of changes, as text
	logCodec *avro.Schema
}

// loaded keeps the schemas per wheel: reading them takes longer than most tests.
var loaded sync.Map // path -> func() (*schemas, error)

func wheelSchemas(file string) (*schemas, error) {
	once, _ := loaded.LoadOrStore(file, sync.OnceValues(func() (*schemas, error) { return readSchemas(file) }))
	return once.(func() (*schemas, error))()
}

func readSchemas(file string) (*schemas, error) {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, fmt.Errorf("reading schemas: %w", err)
	}
	defer archive.Close()
	s := &schemas{aspects: map[string]*schema{}, entities: map[string]map[string]bool{}}
	for _, member := range archive.File {
		if !strings.HasPrefix(member.Name, schemaDir) || path.Ext(member.Name) != ".avsc" {
			continue
		}
		text, err := readMember(member)
		if err == nil {
			err = s.add(path.Base(member.Name), text)
		}
		if err != nil {
			return nil, fmt.Errorf("reading schema %s: %w", member.Name, err)
		}
	}
	if s.logCodec == nil || s.aspects[resultAspect] == nil {
		return nil, fmt.Errorf("reading schemas: %s has not those of execution requests and of the log of changes", file)
	}
	return s, nil
}

func readMember(member *zip.File) ([]byte, error) {
	r, err := member.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxSchema))
}

// add takes one file: an aspect, a key, which names the aspects of an entity,
// or the log of changes.
func (s *schemas) add(name string, text []byte) error {
	var head struct {
		Aspect struct {
			Name     string   `json:"name"`
			Type     string   `json:"type"`
			Entity   string   `json:"keyForEntity"`
			Aspects  []string `json:"entityAspects"`
			Category string   `json:"entityCategory"`
		} `json:"Aspect"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return err
	}
	if name == "MetadataChangeLog.avsc" {
		codec, err := avro.Parse(string(text))
		s.log, s.logCodec = string(text), codec
		return err
	}
	if head.Aspect.Name == "" {
		return nil
	}
	if head.Aspect.Entity != "" {
		aspects := map[string]bool{head.Aspect.Name: true}
		for _, aspect := range head.Aspect.Aspects {
			aspects[aspect] = true
		}
		s.entities[head.Aspect.Entity] = aspects
	}
	s.aspects[head.Aspect.Name] = &schema{text: text, series: head.Aspect.Type == "timeseries"}
	return nil
}

// isSeries reports whether the aspect is a time series; nil schemas know two.
func (s *schemas) isSeries(aspect string) bool {
	if s == nil {
		return aspect == "assertionRunEvent" || aspect == "operation" || aspect == "datasetProfile"
	}
	schema, ok := s.aspects[aspect]
	return ok && schema.series
}

// class is the name of an aspect's type, as rest.li has it; "" where unknown.
func (s *schemas) class(aspect string) string {
	if s == nil || s.aspects[aspect] == nil {
		return ""
	}
	var head struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	}
	_ = json.Unmarshal(s.aspects[aspect].text, &head) // it was read before
	return restliName(head.Namespace + "." + head.Name)
}

// restliName is a name without the part that the schemas in Avro's form add.
func restliName(name string) string { return strings.Replace(name, ".pegasus2avro.", ".", 1) }

// ChangeLogSchema is the text of the schema of the log of changes, "" without
// a wheel.
func (s *Server) ChangeLogSchema() string {
	if s.schemas == nil {
		return ""
	}
	return s.schemas.log
}
