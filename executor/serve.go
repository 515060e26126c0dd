package executor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/check"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/service"
)

// serve runs the executor until ctx ends and its runs have.
func (p Process) serve(ctx context.Context, args []string) int {
	file, _, err := parseServe("serve", args)
	if err != nil {
		return p.wrong("%v", err)
	}
	c, warnings, err := config.Load(p.Env, file)
	for _, w := range warnings {
		fmt.Fprintf(p.Stderr, "warning: %s\n", w)
	}
	if err != nil {
		return p.wrong("%v", err)
	}
	s, err := service.Open(ctx, c, p.host())
	if err == nil {
		err = errors.Join(s.Run(ctx), s.Close())
	}
	return p.ended(err, c)
}

// ended prints why the executor ended, if that was no order, and returns its
// exit code.
func (p Process) ended(err error, c *config.Config) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(p.Stderr, "error: %s\n", service.Mask(c)(err.Error()))
	var damaged *journal.CorruptError
	switch {
	case errors.As(err, &damaged):
		fmt.Fprintln(p.Stderr, "hint: `executor journal repair`, with the same configuration, keeps every intact record and the damaged file; what was lost may run again")
		return exitInternal
	case errors.Is(err, service.ErrAuthentication):
		fmt.Fprintln(p.Stderr, "hint: `executor check` says what is wrong with the credentials")
		return exitAuthentication
	case errors.Is(err, service.ErrConfig):
		fmt.Fprintln(p.Stderr, "hint: `executor check` looks at everything that the configuration names")
		return exitUsage
	default:
		return exitInternal
	}
}

// host is what a service sees of this process.
func (p Process) host() service.Host {
	name, _ := os.Hostname() // without one the instance's name is random
	return service.Host{Env: p.Env, Hostname: name, Output: p.Stdout}
}

// check looks at what serve would use, and runs nothing.
func (p Process) check(ctx context.Context, args []string) int {
	file, format, err := parseServe("check", args)
	if err != nil {
		return p.wrong("%v", err)
	}
	c, warnings, err := config.Load(p.Env, file)
	in := check.Inputs{Config: c, Warnings: warnings, Err: err, Environ: p.Env}
	if err == nil {
		h := p.host()
		h.Output = io.Discard
		var release func() error
		in, release = service.Inspect(ctx, c, warnings, h)
		defer release()
	}
	report := check.Run(ctx, check.List(in), time.Now)
	if c != nil {
		report = report.Masked(service.Mask(c))
	}
	write := report.Text
	if format == "json" {
		write = report.JSON
	}
	if err := write(p.Stdout); err != nil {
		fmt.Fprintf(p.Stderr, "error: %v\n", err)
		return exitInternal
	}
	return report.ExitCode()
}

// parseServe reads the flags of serve and check.
func parseServe(command string, args []string) (file, format string, err error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&file, "config", "", "")
	if command == "check" {
		flags.StringVar(&format, "format", "text", "")
	}
	switch err := flags.Parse(args); {
	case err != nil:
		return "", "", err
	case flags.NArg() > 0:
		return "", "", fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case command == "check" && format != "text" && format != "json":
		return "", "", fmt.Errorf("--format %q: want text or json", format)
	}
	return file, format, nil
}

// auditTrail is `executor audit verify`.
func (p Process) auditTrail(args []string) int {
	if len(args) == 0 || args[0] != "verify" {
		return p.wrong("want `executor audit verify FILE...`")
	}
	flags := flag.NewFlagSet("audit verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	head := flags.String("head", "", "")
	partial := flags.Bool("partial", false, "")
	if err := flags.Parse(args[1:]); err != nil {
		return p.wrong("%v", err)
	}
	if flags.NArg() == 0 {
		return p.wrong("want the files of a trail, or its directory")
	}
	known, err := audit.ParseHead(*head)
	if err != nil {
		return p.wrong("%v", err)
	}
	report, err := audit.Verify(flags.Args(), audit.Expect{Head: known, Partial: *partial})
	var problems strings.Builder
	for _, f := range report.Findings {
		fmt.Fprintf(&problems, "%s\n", f)
	}
	fmt.Fprint(p.Stderr, problems.String())
	if err != nil {
		fmt.Fprintf(p.Stderr, "error: %v\n", err)
		return exitInternal
	}
	fmt.Fprintf(p.Stdout, "%d records in %d files, numbers %d to %d, head %s\n", report.Records, report.Files, report.First, report.Last, report.Head)
	return exitOK
}

// journalState is `executor journal repair`: the way on for an executor whose
// journal is damaged.
func (p Process) journalState(args []string) int {
	if len(args) == 0 || args[0] != "repair" {
		return p.wrong("want `executor journal repair`")
	}
	file, _, err := parseServe("repair", args[1:])
	if err != nil {
		return p.wrong("%v", err)
	}
	c, _, err := config.Load(p.Env, file)
	if err != nil {
		return p.wrong("%v", err)
	}
	report, err := journal.Repair(c.State.Journal(), journal.Options{})
	if err != nil {
		fmt.Fprintf(p.Stderr, "error: %v\n", err)
		return exitInternal
	}
	fmt.Fprintf(p.Stdout, "%d records are intact, %d places are lost\n", report.Records, len(report.Lost))
	if report.Copy != "" {
		fmt.Fprintf(p.Stdout, "the damaged file is %s\n", report.Copy)
	}
	return exitOK
}
