package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

// Verdict is the type of a result.
type Verdict string

// Verdicts, as DataHub's AssertionResultType has them.
const (
	Pass  Verdict = "SUCCESS"
	Fail  Verdict = "FAILURE"
	First Verdict = "INIT" // there is nothing to compare with yet
	Broke Verdict = "ERROR"
)

// Fault is the class of an ERROR, as DataHub's AssertionResultErrorType has them.
type Fault string

// Faults.
const (
	NoConnection   Fault = "SOURCE_CONNECTION_ERROR"
	QueryFailed    Fault = "SOURCE_QUERY_FAILED"
	TooLittleData  Fault = "INSUFFICIENT_DATA"
	BadParameters  Fault = "INVALID_PARAMETERS"
	WrongSource    Fault = "INVALID_SOURCE_TYPE"
	NoSuchPlatform Fault = "UNSUPPORTED_PLATFORM"
	BadSQL         Fault = "CUSTOM_SQL_ERROR"
	BadField       Fault = "FIELD_ASSERTION_ERROR"
	Unknown        Fault = "UNKNOWN_ERROR"
)

// maxReason bounds the reason of an ERROR, in bytes.
const maxReason = 2 << 10

// Error is why a monitor could not be evaluated.
type Error struct {
	Fault  Fault
	Reason string
}

func (e *Error) Error() string { return string(e.Fault) + ": " + e.Reason }

func fail(f Fault, format string, args ...any) *Error {
	return &Error{Fault: f, Reason: fmt.Sprintf(format, args...)}
}

// Result is the end of one evaluation.
type Result struct {
	Verdict  Verdict
	RowCount *int64
	Value    *float64 // what was measured
	Native   map[string]string
	Err      *Error // of Broke
}

// broken makes a Result of an error.
func broken(err error) Result {
	var e *Error
	if !errors.As(err, &e) {
		e = fail(Unknown, "%v", err)
	}
	return Result{Verdict: Broke, Err: e}
}

// judged is a Result of one condition.
func judged(holds bool) Verdict {
	if holds {
		return Pass
	}
	return Fail
}

// event returns the aspect assertionRunEvent.
func event(m Monitor, r Result, at time.Time) json.RawMessage {
	result := map[string]any{"type": r.Verdict}
	if r.RowCount != nil {
		result["rowCount"] = *r.RowCount
	}
	// The field is a float of 32 bits; Native has the whole value.
	if r.Value != nil && math.Abs(*r.Value) <= math.MaxFloat32 {
		result["actualAggValue"] = float32(*r.Value)
	}
	if len(r.Native) > 0 {
		result["nativeResults"] = r.Native
	}
	if r.Err != nil {
		result["error"] = map[string]any{
			"type":       r.Err.Fault,
			"properties": map[string]string{"message": clip(r.Err.Reason, maxReason)},
		}
	}
	// Strings, maps and finite numbers: this cannot fail.
	text, _ := json.Marshal(map[string]any{
		"timestampMillis": at.UnixMilli(),
		"runId":           runID(m.Assertion, at),
		"asserteeUrn":     m.Dataset,
		"assertionUrn":    m.Assertion,
		"status":          "COMPLETE",
		"result":          result,
	})
	return text
}

func runID(assertion string, at time.Time) string {
	return fmt.Sprintf("%s-%d", assertion, at.UnixMilli())
}

// proposal is how GMS gets an event.
func proposal(assertion string, event json.RawMessage, run string) gms.Proposal {
	return gms.Proposal{
		EntityType: "assertion", URN: assertion, Aspect: "assertionRunEvent", Value: event,
		ChangeType: gms.Upsert, RunID: "native-" + run,
	}
}

// clip cuts text to limit bytes of whole characters.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && text[limit]&0xc0 == 0x80 {
		limit--
	}
	return text[:limit] + "..."
}
