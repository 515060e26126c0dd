// Command compare writes docs/comparison.md: how several images fare in the
// escape suite, probe by probe.
//
//	go run ./internal/compare [-broken COLUMN=PROBE,...]... COLUMN=FILE... >docs/comparison.md
//
// Each FILE is what `lockforge check --format json` wrote about one image of
// one platform; the first is the one that the others are compared with.
// -broken names probes that must fail in a column: a suite that lets the image
// of that column pass them has lost its teeth, and the command fails, after the
// table is written.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lockforge/lockforge/builder/probe"
)

func main() {
	broken := map[string][]string{}
	flag.Func("broken", "COLUMN=PROBE,...: probes that must fail there; repeatable", func(text string) error {
		column, probes, ok := strings.Cut(text, "=")
		if !ok || probes == "" {
			return errors.New("not COLUMN=PROBE,...")
		}
		broken[column] = append(broken[column], strings.Split(probes, ",")...)
		return nil
	})
	flag.Parse()
	if err := run(os.Stdout, flag.Args(), broken); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string, broken map[string][]string) error {
	var columns []column
	for _, arg := range args {
		name, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("reading argument %q: not COLUMN=FILE", arg)
		}
		report, err := read(file)
		if err != nil {
			return err
		}
		columns = append(columns, column{name, report})
	}
	c, err := merge(columns)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, c.markdown()); err != nil {
		return err
	}
	return c.demand(broken)
}

// read returns the report of a document's only platform.
func read(file string) (*probe.Report, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var d probe.Document
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(d.Platforms) != 1 {
		return nil, fmt.Errorf("reading %s: %d platforms, not one", file, len(d.Platforms))
	}
	return d.Platforms[0], nil
}
