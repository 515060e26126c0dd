package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of an aspect.
const (
	// MaxAspect bounds an aspect's text, in bytes. A recipe is the biggest
	// part, at most 10 MiB (package recipe), and is escaped in it.
	MaxAspect = 16 << 20
	// MaxArgs bounds the arguments of a request; DataHub sends fewer than ten.
	MaxArgs = 200
	// MaxName bounds every text but the arguments' values, in bytes: names,
	// urns, the arguments' keys. DataHub's own limit for an urn is 512.
	MaxName = 1024
)

// DecodeRequest reads the aspect dataHubExecutionRequestInput of the run with
// an id. Unknown keys are ignored, as newer servers send more.
//
// ErrID: no answer can be given, the Request is zero. ErrMalformed: the
// Request carries the same text as its Problem, and what could be read besides
// (the pool, DefaultPool where it could not), so that it can be handed over to
// be answered.
func DecodeRequest(id string, aspect []byte) (Request, error) {
	if !ValidID(id) {
		return Request{}, fmt.Errorf("%w: %.80q", ErrID, id)
	}
	out := Request{ID: id}
	r := &reader{text: aspect}
	if len(aspect) > MaxAspect {
		r.problem("%d bytes; the limit is %d", len(aspect), MaxAspect)
	} else {
		r.document(fields{
			"task":        r.name(&out.Task),
			"executorId":  r.name(&out.Pool),
			"args":        r.args(&out.Args),
			"source":      r.source(&out),
			"requestedAt": r.integer(&out.RequestedAt),
			"actorUrn":    r.name(&out.Actor),
			"attempts":    r.count(&out.Attempts),
		})
		if len(r.problems) == 0 && out.Task == "" {
			r.problem("task is missing")
		}
	}
	if out.Pool == "" {
		out.Pool = DefaultPool
	}
	err := r.err()
	if err != nil {
		// Half-read arguments are of no use to the one who answers.
		out.Args, out.Problem = nil, strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return out, err
}

// DecodeSignal reads the aspect dataHubExecutionRequestSignal of the run with
// an id. It fails with ErrID or ErrMalformed.
func DecodeSignal(id string, aspect []byte) (Signal, error) {
	if !ValidID(id) {
		return Signal{}, fmt.Errorf("%w: %.80q", ErrID, id)
	}
	out := Signal{ID: id}
	r := &reader{text: aspect}
	if len(aspect) > MaxAspect {
		r.problem("%d bytes; the limit is %d", len(aspect), MaxAspect)
		return Signal{}, r.err()
	}
	r.document(fields{
		"signal":     r.name(&out.Name),
		"executorId": r.name(&out.Pool),
		"createdAt": func(path string) error {
			at := r.integer(&out.At)
			return r.inObject(path, fields{"time": at})
		},
	})
	if len(r.problems) == 0 && out.Name == "" {
		r.problem("signal is missing")
	}
	if err := r.err(); err != nil {
		return Signal{}, err
	}
	return out, nil
}

// DecodeKey reads a run's id from a key aspect, {"id": "…"}. It fails with
// ErrID.
func DecodeKey(aspect []byte) (string, error) {
	var id string
	r := &reader{text: aspect}
	if len(aspect) > MaxName {
		return "", fmt.Errorf("%w: a key of %d bytes", ErrID, len(aspect))
	}
	r.document(fields{"id": r.name(&id)})
	if err := r.err(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrID, err)
	}
	if !ValidID(id) {
		return "", fmt.Errorf("%w: %.80q", ErrID, id)
	}
	return id, nil
}

// textValue reads a string, or notes that the value is none.
func (r *reader) textValue(path string) (string, error) {
	if c := r.space(); c != '"' {
		r.problem("%.80s is %s, not a string", path, kind(c))
		return "", r.skip()
	}
	text, err := r.string()
	if err == nil && strings.IndexByte(text, 0) >= 0 {
		r.problem("%.80s contains a zero byte", path)
	}
	return text, err
}

// name reads a string of at most MaxName bytes.
func (r *reader) name(into *string) func(path string) error {
	return func(path string) error {
		text, err := r.textValue(path)
		if len(text) > MaxName {
			r.problem("%.80s has %d bytes; the limit is %d", path, len(text), MaxName)
			text = ""
		}
		*into = text
		return err
	}
}

func (r *reader) integer(into *int64) func(path string) error {
	return func(path string) error {
		if c := r.space(); c != '-' && (c < '0' || c > '9') {
			r.problem("%.80s is %s, not a number", path, kind(c))
			return r.skip()
		}
		text, err := r.number()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			r.problem("%.80s is no integer of 64 bits", path)
		}
		*into = n
		return nil
	}
}

func (r *reader) count(into *int) func(path string) error {
	return func(path string) error {
		var n int64
		err := r.integer(&n)(path)
		*into = int(n)
		return err
	}
}

func (r *reader) args(into *map[string]string) func(path string) error {
	return func(path string) error {
		if c := r.space(); c != '{' {
			r.problem("%s is %s, not an object", path, kind(c))
			return r.skip()
		}
		args := map[string]string{}
		err := r.object(path, func(key, path string) error {
			switch {
			case len(key) > MaxName:
				r.problem("%.80s… has %d bytes; the limit is %d", path, len(key), MaxName)
				return r.skip()
			case len(args) == MaxArgs:
				r.problem("more than %d arguments", MaxArgs)
				return r.skip()
			}
			text, err := r.textValue(path)
			args[key] = text
			return err
		})
		*into = args
		return err
	}
}

func (r *reader) source(into *Request) func(path string) error {
	return func(path string) error {
		return r.inObject(path, fields{"type": r.name(&into.Origin), "ingestionSource": r.name(&into.IngestionSource)})
	}
}

// inObject reads an object's known keys and skips the others.
func (r *reader) inObject(path string, f fields) error {
	if c := r.space(); c != '{' {
		r.problem("%s is %s, not an object", path, kind(c))
		return r.skip()
	}
	return r.object(path, func(key, path string) error {
		if read, ok := f[key]; ok {
			return read(path)
		}
		return r.skip()
	})
}

// kind says what kind of value begins with c.
func kind(c byte) string {
	switch c {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// maxNumber bounds a number's text, in bytes; that of a double has at most 25.
const maxNumber = 64

// validNumber tells whether a text of a number's characters is a number.
func validNumber(text string) bool { return len(text) <= maxNumber && json.Valid([]byte(text)) }
