package executor

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
)

// runOptions are the flags of `executor run`.
type runOptions struct {
	plugin, config  string
	policy          string
	secretEnv       names
	secretDir       string
	write           names
	sandbox         string
	jit             bool
	memory          sandbox.Bytes
	timeout, grace  time.Duration
	logFile, record string
}

// names is a flag that can be repeated.
type names []string

func (n *names) String() string     { return strings.Join(*n, ",") }
func (n *names) Set(s string) error { *n = append(*n, s); return nil }

func parseRun(args []string) (runOptions, error) {
	var o runOptions
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plugin, "plugin", "", "")
	flags.StringVar(&o.config, "config", "-", "")
	flags.StringVar(&o.policy, "recipe-policy", "", "")
	flags.Var(&o.secretEnv, "secret-env", "")
	flags.StringVar(&o.secretDir, "secret-dir", secret.DefaultDir, "")
	flags.Var(&o.write, "write", "")
	flags.StringVar(&o.sandbox, "sandbox", string(sandbox.Prefer), "")
	flags.BoolVar(&o.jit, "jit", false, "")
	flags.Func("memory", "", func(s string) (err error) { o.memory, err = sandbox.ParseBytes(s); return err })
	flags.DurationVar(&o.timeout, "timeout", 0, "")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "")
	flags.StringVar(&o.logFile, "log-file", "", "")
	flags.StringVar(&o.record, "end-record", "", "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.plugin == "":
		return o, errors.New("--plugin is missing")
	case o.timeout < 0 || o.grace < 0:
		return o, errors.New("--timeout and --grace must not be negative")
	case o.sandbox != string(sandbox.Prefer) && o.sandbox != string(sandbox.Require) && o.sandbox != string(sandbox.Off):
		return o, fmt.Errorf("--sandbox %q: want prefer, require or off", o.sandbox)
	}
	return o, nil
}

// controls are what the child runs under: nil for none. scratch is the
// directory of all runs, of which it sees its own only.
func (o runOptions) controls(scratch string) *sandbox.Policy {
	if o.sandbox == string(sandbox.Off) {
		return nil
	}
	modes := sandbox.Modes(sandbox.Mode(o.sandbox))
	if !o.jit {
		modes[sandbox.MDWE] = sandbox.Mode(o.sandbox)
	}
	return &sandbox.Policy{
		Modes: modes,
		Write: o.write, Hide: []string{o.secretDir, scratch}, Data: o.memory,
	}
}
