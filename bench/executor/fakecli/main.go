// Fakecli stands for the Python and the datahub command of a bundled venv. It
// takes no time of its own, so that what is measured around it is the
// executor's. It reads the recipe from its standard input, does what the
// venv's name says, and ends with a line that tells when it began and ended:
//
//	fake-noop-bundled    nothing
//	fake-flood-bundled   writes as many bytes of log as the recipe's key "bytes" says
//	fake-report-bundled  writes a structured report of that size
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	began := time.Now()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Printf("bench began=%d ended=%d\n", began.UnixNano(), time.Now().UnixNano())
}

func run(args []string) error {
	// What the Python executor asks its venvs before every run: the version of
	// the CLI, and which flags it has.
	if slices.Contains(args, "-c") && !slices.Contains(args, "ingest") {
		fmt.Println("1.7.0.17")
		return nil
	}
	if slices.Contains(args, "--help") {
		fmt.Println("Options: --report-to, --no-default-report, --dry-run")
		return nil
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	switch venv := filepath.Base(filepath.Dir(filepath.Dir(self))); venv {
	case "fake-flood-bundled":
		return flood(os.Stdout, size(input), secrets(input))
	case "fake-report-bundled":
		return report(args, size(input))
	}
	return nil
}

// size finds the key "bytes" in JSON, in YAML, or in one inside of the other.
func size(input []byte) int {
	match := regexp.MustCompile(`bytes[^0-9]{1,8}([0-9]+)`).FindSubmatch(input)
	if match == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(match[1]))
	return n
}

// secrets are what the executor gives beside the recipe.
func secrets(input []byte) (values []string) {
	var envelope struct {
		Secrets map[string]string `json:"__secrets__"`
	}
	if json.Unmarshal(input, &envelope) == nil {
		for _, value := range envelope.Secrets {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}

// blockLines is how many lines are written at once: 100 kB of them.
const blockLines = 1000

// flood writes lines of 100 bytes. One in fifty has a secret in it.
func flood(w io.Writer, total int, secrets []string) error {
	var block bytes.Buffer
	for i := range blockLines {
		line := fmt.Sprintf("[2026-01-01 00:00:%02d,%03d] INFO     {datahub.ingestion.run.pipeline:%d} - table %d ", i%60, i, i%900, i)
		if i%50 == 0 && len(secrets) > 0 {
			line += "password=" + secrets[i/50%len(secrets)] + " "
		}
		block.WriteString(line + strings.Repeat("x", max(0, 99-len(line))) + "\n")
	}
	for total > 0 {
		n, err := w.Write(block.Bytes()[:min(total, block.Len())])
		if total -= n; err != nil {
			return err
		}
	}
	return nil
}

// report writes a structured report where the executor asked for it.
func report(args []string, total int) error {
	at := slices.Index(args, "--report-to")
	if at < 0 || at+1 >= len(args) {
		return fmt.Errorf("no --report-to in %q", args)
	}
	f, err := os.Create(args[at+1])
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprint(w, `{"cli": {"cli_version": "1.7.0.17"}, "source": {"type": "fake-report", "report": {"events": [""`)
	for n := 0; n < total; {
		written, err := fmt.Fprintf(w, `, "urn:li:dataset:(urn:li:dataPlatform:mysql,database.schema.table_%d,PROD)"`, n)
		if n += written; err != nil {
			return err
		}
	}
	fmt.Fprint(w, `]}}, "sink": {"type": "datahub-rest", "report": {}}}`)
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
