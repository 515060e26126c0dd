// Package results keeps the results of runs at GMS, for package worker.
//
//	client, err := gms.New(gms.Options{URL: url, Auth: source, Retries: -1}) // the worker tries again by itself
//	server := results.Server{Client: client, MaxBytes: limits.Proposal}
package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/worker"
)

// Client is what is needed of gms.Client.
type Client interface {
	Aspect(ctx context.Context, urn, aspect string) (gms.Aspect, bool, error)
	Propose(ctx context.Context, p gms.Proposal) error
}

// sent stands for the time of sending in sizes: it has as many digits.
var sent = time.UnixMilli(9_999_999_999_999)

// Server implements worker.Server.
type Server struct {
	Client Client
	// MaxBytes bounds a proposal as it is sent: what is larger fails with
	// worker.ErrTooLarge before anybody sees it. 0 leaves it to the server.
	MaxBytes int
}

var _ worker.Server = Server{}

// aspect is dataHubExecutionRequestResult. All but the status is optional.
// executorInstanceId is of other models than the public ones, which refuse it.
type aspect struct {
	Status           string            `json:"status"`
	Report           string            `json:"report,omitempty"`
	StartTimeMS      int64             `json:"startTimeMs,omitempty"`
	DurationMS       int64             `json:"durationMs,omitempty"`
	StructuredReport *structuredReport `json:"structuredReport,omitempty"`
}

type structuredReport struct {
	Type            string `json:"type"`
	SerializedValue string `json:"serializedValue"`
	ContentType     string `json:"contentType"`
}

// Result implements worker.Server.
func (s Server) Result(ctx context.Context, id string) (worker.Result, bool, error) {
	stored, found, err := s.Client.Aspect(ctx, gms.RunURN(id), gms.ResultAspect)
	if err != nil || !found {
		return worker.Result{}, false, err
	}
	var a aspect
	if err := json.Unmarshal(stored.Value, &a); err != nil {
		return worker.Result{}, false, fmt.Errorf("reading the result of run %s: %w", id, err)
	}
	r := worker.Result{Status: a.Status, Report: a.Report, StartTimeMS: a.StartTimeMS, DurationMS: a.DurationMS}
	if a.StructuredReport != nil {
		structured := worker.Structured{Type: a.StructuredReport.Type, Serialized: a.StructuredReport.SerializedValue, ContentType: a.StructuredReport.ContentType}
		r.Structured = &structured
	}
	return r, true, nil
}

// Write implements worker.Server.
func (s Server) Write(ctx context.Context, id string, r worker.Result, create bool) error {
	p, err := proposal(id, r)
	if err != nil {
		return err
	}
	if create {
		p.ChangeType = gms.Create
	}
	if size := gms.EncodedSize(p, sent); s.MaxBytes > 0 && size > s.MaxBytes {
		return fmt.Errorf("%w: %d bytes; the limit is %d", worker.ErrTooLarge, size, s.MaxBytes)
	}
	return meaning(s.Client.Propose(ctx, p))
}

// Size is how many bytes a result takes as it is sent, for those who fit a
// report into a budget.
func Size(id string, r worker.Result) int {
	p, err := proposal(id, r)
	if err != nil {
		return 0
	}
	return gms.EncodedSize(p, sent)
}

func proposal(id string, r worker.Result) (gms.Proposal, error) {
	a := aspect{Status: r.Status, Report: r.Report, StartTimeMS: r.StartTimeMS, DurationMS: r.DurationMS}
	if r.Structured != nil {
		a.StructuredReport = &structuredReport{Type: r.Structured.Type, SerializedValue: r.Structured.Serialized, ContentType: r.Structured.ContentType}
	}
	value, err := json.Marshal(a)
	if err != nil {
		return gms.Proposal{}, fmt.Errorf("encoding the result of run %s: %w", id, err)
	}
	return gms.RunProposal(id, gms.ResultAspect, value), nil
}

// meaning adds what a worker tells errors apart by. A refusal for want of
// rights may pass with the next token, so it is none.
func meaning(err error) error {
	var refused *gms.Error
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.Immutable:
		return fmt.Errorf("%w: %w", worker.ErrImmutable, err)
	case refused.Exists:
		return fmt.Errorf("%w: %w", worker.ErrExists, err)
	case refused.Kind == gms.TooLarge:
		return fmt.Errorf("%w: %w", worker.ErrTooLarge, err)
	case refused.Kind == gms.Rejected:
		return fmt.Errorf("%w: %w", worker.ErrRefused, err)
	}
	return err
}
