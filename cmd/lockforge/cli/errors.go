package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// report prints an error once: each problem with the line of the file it is
// about, then what to do. It returns the exit code.
func report(ctx context.Context, w io.Writer, err error) int {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = fault.Wrap(fault.Cancelled, err, "interrupted")
	}
	problems := fault.All(err)
	if len(problems) < 2 {
		fmt.Fprintf(w, "error: %v\n", err)
	}
	for _, problem := range problems {
		if len(problems) > 1 {
			fmt.Fprintf(w, "error: %v\n", problem)
		}
		printSnippet(w, problem.Pos())
		for _, hint := range fault.Hints(problem) {
			fmt.Fprintf(w, "hint: %s\n", hint)
		}
	}
	if len(problems) == 0 {
		for _, hint := range fault.Hints(err) {
			fmt.Fprintf(w, "hint: %s\n", hint)
		}
	}
	return fault.KindOf(err).ExitCode()
}

// printSnippet shows the line that pos names, with a mark under the column.
func printSnippet(w io.Writer, pos fault.Pos) {
	line, ok := sourceLine(pos)
	if !ok {
		return
	}
	fmt.Fprintf(w, "%5d | %s\n", pos.Line, line)
	if pos.Column > 0 && pos.Column <= len(line)+1 {
		fmt.Fprintf(w, "      | %s^\n", strings.Repeat(" ", pos.Column-1))
	}
}

func sourceLine(pos fault.Pos) (string, bool) {
	if pos.File == "" || pos.Line == 0 {
		return "", false
	}
	f, err := os.Open(pos.File)
	if err != nil {
		return "", false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if n == pos.Line {
			return presentable(lines.Text()), true
		}
	}
	return "", false
}
