package query

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
)

//go:embed helper.py
var helper string

const (
	// startTime is what the program gets on top of the statement's timeout,
	// to import the connector and to log in.
	startTime = 2 * time.Minute
	// grace is the time between SIGTERM and SIGKILL: there is nothing to save.
	grace = 2 * time.Second
	// drain bounds the wait for output after the program's end.
	drain = time.Second
	// maxAnswer and maxNoise bound what is kept of its two outputs, in bytes.
	maxAnswer = 64 << 10
	maxNoise  = 16 << 10
	// maxReason bounds the reason of an error, in bytes.
	maxReason = 2 << 10
)

// Stage says what failed.
type Stage string

// Stages.
const (
	Setup     Stage = "setup"     // no such connector in this image, or it does not start
	Config    Stage = "config"    // the connection is not valid, not allowed, or lacks a secret
	Connect   Stage = "connect"   // the database is not reached or refuses the login
	Statement Stage = "statement" // the database refuses the statement
	Value     Stage = "value"     // what it returns is not one number
	Time      Stage = "time"      // it took too long
)

// Error is the error of Number. Reason is masked.
type Error struct {
	Stage  Stage
	Reason string
}

func (e *Error) Error() string { return string(e.Stage) + ": " + e.Reason }

func fail(stage Stage, format string, args ...any) *Error {
	text := strings.ToValidUTF8(fmt.Sprintf(format, args...), "\ufffd")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return &Error{Stage: stage, Reason: text}
}

// Query is one question.
type Query struct {
	Source    string          // source type of the connection
	Config    json.RawMessage // its configuration, with ${NAME}s
	Statement string
	Timeout   time.Duration // of the statement
}

// Answer is one number, also as the database wrote it: a float64 may lack the
// last digits.
type Answer struct {
	Value float64
	Text  string
}

// Runner asks through bundled venvs. It is safe for concurrent use.
type Runner struct {
	Venvs    string // directory of the bundled venvs
	Resolver secret.Resolver
	Policy   *recipe.Policy  // what configurations may say; nil is the default
	Environ  []string        // of which the child gets what a run gets
	Parent   string          // where its working directory is made
	Sandbox  *sandbox.Policy // nil is none
}

// Number asks for one number. Its errors are of type *Error.
func (r *Runner) Number(ctx context.Context, q Query) (Answer, error) {
	if err := CheckStatement(q.Statement); err != nil {
		return Answer{}, fail(Statement, "%v", err)
	}
	venv, err := bundle.Find(r.Venvs, q.Source)
	if err != nil {
		return Answer{}, fail(Setup, "%v", err)
	}
	config, secrets, err := r.configure(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	masker, err := mask.New(secrets)
	if err != nil {
		return Answer{}, fail(Config, "%v", err)
	}
	answer, err := r.run(ctx, venv, q, config)
	var failed *Error
	if errors.As(err, &failed) {
		return answer, fail(failed.Stage, "%s", masker.String(failed.Reason))
	}
	return answer, err
}

// configure judges the configuration as that of a recipe and puts the secrets
// into it.
func (r *Runner) configure(ctx context.Context, q Query) (json.RawMessage, map[string]string, error) {
	document, _ := json.Marshal(map[string]any{"source": map[string]any{"type": q.Source, "config": q.Config}})
	parsed, err := recipe.Parse(bytes.NewReader(document))
	if err != nil {
		return nil, nil, fail(Config, "%v", err)
	}
	policy := r.Policy
	if policy == nil {
		if policy, err = recipe.DefaultPolicy(); err != nil {
			return nil, nil, fail(Config, "%v", err)
		}
	}
	if verdict := policy.Check(parsed, q.Source); !verdict.Allowed() {
		return nil, nil, fail(Config, "%s", verdict)
	}
	references, err := secret.References(parsed.Canonical())
	if err != nil {
		return nil, nil, fail(Config, "%v", err)
	}
	resolved, err := r.Resolver.Resolve(ctx, references)
	if err != nil {
		return nil, nil, fail(Config, "%v", err)
	}
	expanded, err := parsed.Map(func(text string) (string, error) { return secret.Expand(text, resolved.Values) })
	if err != nil {
		return nil, nil, fail(Config, "%v", err)
	}
	var section struct {
		Source struct {
			Config json.RawMessage `json:"config"`
		} `json:"source"`
	}
	if err := json.Unmarshal(expanded.Canonical(), &section); err != nil {
		return nil, nil, fail(Config, "the configuration is not to be read back")
	}
	return section.Source.Config, resolved.Values, nil
}

// run starts the program and reads its answer. Nothing it says is masked yet.
func (r *Runner) run(ctx context.Context, venv bundle.Venv, q Query, config json.RawMessage) (Answer, error) {
	// Two strings, a number and valid JSON: encoding them cannot fail.
	asked, _ := json.Marshal(map[string]any{
		"source": q.Source, "config": config, "statement": q.Statement, "timeout": q.Timeout.Seconds(),
	})
	out, noise := &bounded{limit: maxAnswer}, &tail{limit: maxNoise}
	end := task.Run(ctx, task.Spec{
		Argv:    []string{venv.Python, "-I", "-c", helper},
		Env:     r.Environ,
		Stdin:   bytes.NewReader(asked),
		Stdout:  out,
		Stderr:  noise,
		Parent:  r.Parent,
		Timeout: q.Timeout + startTime,
		Grace:   grace,
		Drain:   drain,
		Sandbox: r.Sandbox,
	})
	switch {
	case end.Phase == task.PhaseTimeout:
		return Answer{}, fail(Time, "no answer within %s and %s to start", q.Timeout, startTime)
	case end.Phase != task.PhaseExited:
		return Answer{}, fail(Setup, "%s: %s", end.Phase, end.Error)
	case end.Code != 0:
		return Answer{}, fail(Setup, "the connector's program ended with code %d: %s", end.Code, noise)
	}
	return parse(out)
}

// parse reads what the program wrote, which a connector could have made up.
func parse(out *bounded) (Answer, error) {
	var answer struct {
		Value  *string `json:"value"`
		Stage  Stage   `json:"stage"`
		Reason string  `json:"reason"`
	}
	if out.over || json.Unmarshal(out.Bytes(), &answer) != nil {
		return Answer{}, fail(Setup, "the connector's program did not answer")
	}
	if answer.Value == nil {
		return Answer{}, fail(answer.Stage, "%s", answer.Reason)
	}
	v, err := strconv.ParseFloat(*answer.Value, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return Answer{}, fail(Value, "want a finite number, got %.60q", *answer.Value)
	}
	return Answer{Value: v, Text: *answer.Value}, nil
}
