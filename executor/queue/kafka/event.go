package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/avro"

	"github.com/lockforge/lockforge/executor/queue"
)

// MaxEvent bounds a record's value, in bytes. DataHub's producers send at most
// 5 MiB by default.
const MaxEvent = 16 << 20

// What an event has to say to be taken.
const (
	entity        = "dataHubExecutionRequest"
	inputAspect   = "dataHubExecutionRequestInput"
	signalAspect  = "dataHubExecutionRequestSignal"
	upsert        = "UPSERT"
	headerBytes   = 5 // of Confluent's wire format: a zero byte, four of the schema's id
	maxReportText = 200
)

// errPoison says that a record can never be read and no run can be told, so
// that it has to be passed over.
var errPoison = errors.New("unreadable event")

// change is the part of a MetadataChangeLog entry that matters here.
type change struct {
	EntityType string   `avro:"entityType"`
	URN        *string  `avro:"entityUrn"`
	Key        *generic `avro:"entityKeyAspect"`
	ChangeType string   `avro:"changeType"`
	AspectName *string  `avro:"aspectName"`
	Aspect     *generic `avro:"aspect"`
}

type generic struct {
	Value []byte `avro:"value"`
}

// event is a request, a signal, or neither: then the record is of no interest.
type event struct {
	request *queue.Request
	signal  *queue.Signal
}

// concerns tells cheaply whether a record can be about execution requests:
// Avro writes texts as they are.
func concerns(value []byte) bool { return bytes.Contains(value, []byte(entity)) }

// schemaFor finds the writer's schema of an id.
type schemaFor func(ctx context.Context, id uint32) (*avro.Schema, error)

// read decodes a record's value. errPoison and errUnknownSchema are about the
// record; other errors about the registry.
func read(ctx context.Context, value []byte, schemas schemaFor) (event, error) {
	switch {
	case !concerns(value):
		return event{}, nil
	case len(value) > MaxEvent:
		return event{}, fmt.Errorf("%w: %d bytes; the limit is %d", errPoison, len(value), MaxEvent)
	case len(value) < headerBytes || value[0] != 0:
		return event{}, fmt.Errorf("%w: it does not begin with a schema's id", errPoison)
	}
	schema, err := schemas(ctx, binary.BigEndian.Uint32(value[1:headerBytes]))
	if errors.Is(err, errSchema) {
		return event{}, fmt.Errorf("%w: %w", errPoison, err)
	}
	if err != nil {
		return event{}, err
	}
	var c change
	rest, err := schema.Decode(value[headerBytes:], &c, avro.SkipUnknown())
	switch {
	case err != nil:
		return event{}, fmt.Errorf("%w: %.*s", errPoison, maxReportText, err.Error())
	case len(rest) > 0:
		return event{}, fmt.Errorf("%w: %d bytes are left over", errPoison, len(rest))
	}
	return c.event()
}

// event keeps what is an upsert of one of the two aspects. A RESTATE repeats
// what was said long ago, and would run old work again.
func (c change) event() (event, error) {
	if c.EntityType != entity || c.ChangeType != upsert || c.AspectName == nil {
		return event{}, nil
	}
	if *c.AspectName != inputAspect && *c.AspectName != signalAspect {
		return event{}, nil
	}
	id, err := c.id()
	if err != nil {
		return event{}, fmt.Errorf("%w: %w", errPoison, err)
	}
	var aspect []byte
	if c.Aspect != nil {
		aspect = c.Aspect.Value
	}
	if *c.AspectName == signalAspect {
		signal, err := queue.DecodeSignal(id, aspect)
		if err != nil {
			return event{}, fmt.Errorf("%w: signal to run %s: %w", errPoison, id, err)
		}
		return event{signal: &signal}, nil
	}
	request, _ := queue.DecodeRequest(id, aspect) // an error is in its Problem
	return event{request: &request}, nil
}

// id takes the run's id from the key, else from the urn. If both are there
// they have to agree.
func (c change) id() (string, error) {
	var fromKey, fromURN string
	var err error
	if c.Key != nil {
		if fromKey, err = queue.DecodeKey(c.Key.Value); err != nil {
			return "", err
		}
	}
	if c.URN != nil {
		if fromURN, err = queue.IDFromURN(*c.URN); err != nil {
			return "", err
		}
	}
	switch {
	case fromKey == "" && fromURN == "":
		return "", fmt.Errorf("%w: neither key nor urn", queue.ErrID)
	case fromKey != "" && fromURN != "" && fromKey != fromURN:
		return "", fmt.Errorf("%w: key %s, but urn %s", queue.ErrID, fromKey, fromURN)
	case fromKey == "":
		return fromURN, nil
	}
	return fromKey, nil
}
