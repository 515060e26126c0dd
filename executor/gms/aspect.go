package gms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// MaxBatch is how many entities one call of Aspects reads at most.
const MaxBatch = 100

// Aspect is a stored aspect.
type Aspect struct {
	Value []byte // JSON
	// LastObserved is when the writer saw it; zero where the server does not say.
	LastObserved time.Time
	// Version counts the changes, "1" for the first; "" where the server does not say.
	Version string
}

// entityType is that of a urn.
var entityType = lazyregexp.New(`^urn:li:([A-Za-z][A-Za-z0-9]*):.`)

// Aspect reads one aspect from the primary store, which knows every write that
// has been answered; search does not. Found is false where it is not there.
func (c *Client) Aspect(ctx context.Context, urn, aspect string) (a Aspect, found bool, err error) {
	all, err := c.Aspects(ctx, []string{urn}, aspect)
	if err != nil {
		return Aspect{}, false, err
	}
	a, found = all[urn][aspect]
	return a, found, nil
}

// Aspects reads aspects of at most MaxBatch entities of one type, as Aspect
// does; the result is by urn and aspect and holds what is there.
func (c *Client) Aspects(ctx context.Context, urns []string, aspects ...string) (map[string]map[string]Aspect, error) {
	op := "reading " + strings.Join(aspects, ", ")
	if len(urns) == 0 || len(aspects) == 0 {
		return map[string]map[string]Aspect{}, nil
	}
	kind, err := commonType(urns)
	if err != nil {
		return nil, &Error{Kind: Rejected, Op: op, Detail: clip(err.Error())}
	}
	found, err := c.batch(ctx, op, kind, urns, aspects)
	if KindOf(err) == NotFound {
		return c.single(ctx, op, urns, aspects)
	}
	return found, err
}

func commonType(urns []string) (string, error) {
	if len(urns) > MaxBatch {
		return "", fmt.Errorf("%d entities are more than %d", len(urns), MaxBatch)
	}
	common := ""
	for _, urn := range urns {
		match := entityType.FindStringSubmatch(urn)
		if match == nil || common != "" && match[1] != common {
			return "", fmt.Errorf("%q is not a urn of the same type as the others", urn)
		}
		common = match[1]
	}
	return common, nil
}

// batch uses the API of version 3. There, absence is an answer with status 200
// that lacks the entity, so that a wrong address is not taken for absence.
func (c *Client) batch(ctx context.Context, op, kind string, urns, aspects []string) (map[string]map[string]Aspect, error) {
	asked := make([]map[string]any, len(urns))
	for i, urn := range urns {
		asked[i] = map[string]any{"urn": urn}
		for _, aspect := range aspects {
			asked[i][aspect] = struct{}{}
		}
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, &Error{Kind: Rejected, Op: op, err: err}
	}
	var entities []map[string]json.RawMessage
	var found map[string]map[string]Aspect
	_, err = c.do(ctx, call{
		op: op, method: http.MethodPost, path: "openapi/v3/entity/" + kind + "/batchGet",
		query: url.Values{"systemMetadata": {"true"}}, body: body, limit: maxRead,
		judge: func(a *answer) *Error {
			if json.Unmarshal(a.body, &entities) != nil || entities == nil {
				return foreign("the answer is not a list of entities")
			}
			if found, err = pick(entities, aspects); err != nil {
				return foreign(err.Error())
			}
			return nil
		},
	})
	return found, err
}

// pick takes the aspects out of the entities of an answer.
func pick(entities []map[string]json.RawMessage, aspects []string) (map[string]map[string]Aspect, error) {
	found := map[string]map[string]Aspect{}
	for _, entity := range entities {
		var urn string
		if json.Unmarshal(entity["urn"], &urn) != nil || urn == "" {
			return nil, fmt.Errorf("an entity of the answer has no urn")
		}
		for _, name := range aspects {
			raw, ok := entity[name]
			if !ok || string(raw) == "null" {
				continue
			}
			aspect, err := parseAspect(raw)
			if err != nil {
				return nil, fmt.Errorf("%s of the answer: %w", name, err)
			}
			if found[urn] == nil {
				found[urn] = map[string]Aspect{}
			}
			found[urn][name] = aspect
		}
	}
	return found, nil
}

func parseAspect(raw json.RawMessage) (Aspect, error) {
	var item struct {
		Value    json.RawMessage `json:"value"`
		Metadata *struct {
			LastObserved int64           `json:"lastObserved"`
			Version      json.RawMessage `json:"version"`
		} `json:"systemMetadata"`
	}
	if json.Unmarshal(raw, &item) != nil {
		return Aspect{}, fmt.Errorf("it is not an aspect with metadata")
	}
	if len(item.Value) == 0 || item.Value[0] != '{' {
		return Aspect{}, fmt.Errorf("it has no value")
	}
	a := Aspect{Value: item.Value}
	if item.Metadata != nil {
		if item.Metadata.LastObserved > 0 {
			a.LastObserved = time.UnixMilli(item.Metadata.LastObserved)
		}
		if version := strings.Trim(string(item.Metadata.Version), `"`); version != "null" {
			a.Version = version
		}
	}
	return a, nil
}
