// Package trace sends OpenTelemetry spans of runs over OTLP/HTTP: when a
// request was received, how long the claim, the child and the delivery of the
// result took. Without an endpoint nothing is made and nothing is sent:
//
//	t, err := trace.New(ctx, trace.Options{Endpoint: c.Trace.Endpoint, ...})
//	defer t.Close(ctx)
//	ctx, run := t.Run(ctx, trace.Info{ID: id, Task: task, Pool: pool})
//	_, claim := run.Phase(ctx, trace.Claim)
//	claim.End("")
//	run.End("SUCCESS")
//
// A span has the fields of Info and one word on how it ended. There is no way
// to put anything else into one: no recipe, no value of a secret, no text of
// an error.
package trace

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	// DefaultTimeout bounds one sending; OpenTelemetry's value.
	DefaultTimeout = 10 * time.Second
	// maxQueue bounds the spans that wait to be sent, at about 1 KiB each.
	// More are dropped: a collector that is down must not hold up runs.
	maxQueue = 2048
	// maxValueBytes bounds an attribute: ids and pools are shorter.
	maxValueBytes = 256
	// maxRetry bounds how long one batch is tried; then it is dropped.
	maxRetry = time.Minute
)

// Options say where spans go.
type Options struct {
	Endpoint string // the whole URL; "" is nowhere
	Headers  map[string]string
	Timeout  time.Duration // 0 is DefaultTimeout
	Service  string
	Version  string
	Instance string
	Ratio    float64      // of runs that are traced, 0 to 1
	Log      *slog.Logger // gets what went wrong with sending; nil is none
}

// Tracer makes spans. A nil one and one without an endpoint make none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New returns a tracer. It fails where the options cannot be; a collector that
// does not answer is no error.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if o.Endpoint == "" {
		return &Tracer{}, nil
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(o.Endpoint),
		otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithTimeout(o.Timeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: maxRetry / 4, MaxElapsedTime: maxRetry,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing traces: %w", err)
	}
	if o.Log != nil {
		// The library has one handler for the process, and by default it
		// writes lines that are not those of our log.
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("sending traces", "error", err) }))
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(maxQueue)),
		sdk.WithSampler(sdk.TraceIDRatioBased(o.Ratio)),
		sdk.WithIDGenerator(ids{}),
		sdk.WithRawSpanLimits(sdk.SpanLimits{AttributeValueLengthLimit: maxValueBytes, AttributeCountLimit: 16}),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service),
			attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Instance),
		)),
	)
	return &Tracer{provider, provider.Tracer("lockforge/executor")}, nil
}

// Close sends what waits, as long as ctx lets it. A collector that does not
// take it is told to the log.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil || t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}

// Info is what spans say about a run.
type Info struct{ ID, Task, Pool, Source string }

// Phase is a part of a run.
type Phase string

// The phases. Received has no length; it is when the run was journalled.
const (
	Received Phase = "received"
	Claim    Phase = "claim"
	Child    Phase = "child"
	Deliver  Phase = "deliver"
)

// Span is one that has begun. A nil one is not sent.
type Span struct {
	span   trace.Span
	tracer trace.Tracer
}

// Run begins the span of a run. Its trace id is made of the run's id: the
// spans of a run that goes on after a restart, or in another executor, are in
// one trace.
func (t *Tracer) Run(ctx context.Context, i Info) (context.Context, *Span) {
	if t == nil || t.tracer == nil {
		return ctx, nil
	}
	ctx = context.WithValue(ctx, runID{}, i.ID)
	ctx, span := t.tracer.Start(ctx, "run", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("datahub.execution_request.id", i.ID),
		attribute.String("datahub.task", i.Task),
		attribute.String("datahub.executor.pool", i.Pool),
		attribute.String("datahub.source.type", i.Source),
	))
	return ctx, &Span{span, t.tracer}
}

// Phase begins the span of a part of the run.
func (s *Span) Phase(ctx context.Context, p Phase) (context.Context, *Span) {
	if s == nil {
		return ctx, nil
	}
	ctx, span := s.tracer.Start(trace.ContextWithSpan(ctx, s.span), string(p))
	return ctx, &Span{span, s.tracer}
}

// End ends the span with one word: a status of a run, or of what kind an error
// is; "" is success.
func (s *Span) End(outcome string) {
	if s == nil {
		return
	}
	switch outcome {
	case "", "SUCCESS":
		s.span.SetStatus(codes.Ok, "")
	default:
		s.span.SetStatus(codes.Error, outcome[:min(len(outcome), maxValueBytes)])
	}
	s.span.End()
}

// runID is the key of the run's id in the context of Run.
type runID struct{}

// ids makes trace ids of the ids of runs, and span ids of chance.
type ids struct{}

// NewIDs is part of sdk.IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, _ := ctx.Value(runID{}).(string)
	sum := sha256.Sum256([]byte(id))
	return trace.TraceID(sum[:16]), ids{}.NewSpanID(ctx, trace.TraceID{})
}

// NewSpanID is part of sdk.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return id
}
