package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/avro"
)

// Bounds of talking to a registry.
const (
	// RegistryTimeout bounds one question.
	RegistryTimeout = 30 * time.Second
	// maxSchema bounds an answer, in bytes. DataHub's schema of a change log
	// entry has 14 kB.
	maxSchema = 4 << 20
	// maxSchemas bounds what is kept; a topic has as many as its schema had
	// versions.
	maxSchemas = 100
)

// errSchema says that a schema will not be had, however often one asks.
var errSchema = errors.New("unusable schema")

// errUnknownSchema says that the registry knows no schema of an id. It may
// be about to learn of it.
var errUnknownSchema = errors.New("unknown schema")

// registry is the client of a Confluent schema registry: the one call that
// reading needs, bounded and cached.
type registry struct {
	base       *url.URL
	user, pass string
	client     *http.Client

	mu    sync.Mutex
	known map[uint32]*avro.Schema
}

// newRegistry takes the base address and the property basic.auth.user.info.
func newRegistry(address, userInfo string, client *http.Client) (*registry, error) {
	base, err := registryBase(address)
	if err != nil {
		return nil, err
	}
	r := &registry{base: base, client: client, known: map[uint32]*avro.Schema{}}
	if r.client == nil {
		r.client = &http.Client{Timeout: RegistryTimeout}
	}
	if base.User != nil {
		r.user = base.User.Username()
		r.pass, _ = base.User.Password()
		base.User = nil
	}
	if userInfo != "" {
		r.user, r.pass, _ = strings.Cut(userInfo, ":")
	}
	return r, nil
}

// schema returns the schema of an id. errUnknownSchema and errSchema are the
// registry's answer; other errors say that it gave none.
func (r *registry) schema(ctx context.Context, id uint32) (*avro.Schema, error) {
	r.mu.Lock()
	known := r.known[id]
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	status, body, err := r.get(ctx, fmt.Sprintf("schemas/ids/%d", id))
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, fmt.Errorf("%w: the registry has no schema %d", errUnknownSchema, id)
	case status != http.StatusOK:
		return nil, fmt.Errorf("asking the registry for schema %d: status %d", id, status)
	}
	var answer struct{ Schema, SchemaType string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("asking the registry for schema %d: no JSON in its answer", id)
	}
	if answer.SchemaType != "" && answer.SchemaType != "AVRO" {
		return nil, fmt.Errorf("%w: schema %d is of type %.20q", errSchema, id, answer.SchemaType)
	}
	schema, err := avro.Parse(answer.Schema)
	if err != nil {
		return nil, fmt.Errorf("%w: schema %d: %.200s", errSchema, id, err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxSchemas {
		clear(r.known)
	}
	r.known[id] = schema
	return schema, nil
}

// check asks for the root, which every registry answers.
func (r *registry) check(ctx context.Context) error {
	status, _, err := r.get(ctx, "")
	switch {
	case err != nil:
		return err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("asking schema registry %s: status %d: check its credentials (basic.auth.user.info)", r.base.Redacted(), status)
	case status >= 300:
		return fmt.Errorf("asking schema registry %s: status %d: check its path (GMS serves one under /schema-registry/api/)", r.base.Redacted(), status)
	}
	return nil
}

func (r *registry) get(ctx context.Context, path string) (status int, body []byte, err error) {
	address := r.base.String() + path // the base ends in a slash
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
	if r.user != "" || r.pass != "" {
		request.SetBasicAuth(r.user, r.pass)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("asking the schema registry: %w", err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxSchema+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("reading the schema registry's answer: %w", err)
	case len(body) > maxSchema:
		return 0, nil, fmt.Errorf("the schema registry's answer has more than %d bytes", maxSchema)
	}
	return response.StatusCode, body, nil
}
