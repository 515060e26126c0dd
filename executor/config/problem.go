package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Where is a variable, or a place in the file: "executor.yaml:3:5: gms.url".
	Where string
	Text  string
}

func (p Problem) String() string { return p.Where + ": " + p.Text }

// Error is every problem of a configuration.
type Error struct{ Problems []Problem }

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return "configuration: " + strings.Join(lines, "\n")
}

// Warning is about something that was set and has no effect, or not the
// expected one.
type Warning Problem

func (w Warning) String() string { return Problem(w).String() }

// problems collects what is wrong.
type problems struct{ found []Problem }

func (p *problems) add(where, format string, args ...any) {
	p.found = append(p.found, Problem{where, fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	return &Error{p.found}
}
