package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/doctor"
	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/solve"
)

func (a *app) doctorCommand() *cobra.Command {
	var net networkFlags
	var eng engineFlags
	cmd := &cobra.Command{
		Use:   "doctor [M]",
		Short: "Find out what would keep lockforge from working here, and how to mend it",
		Long: `Check what the commands need of this machine: the build engine, disk, uv, the
Python index, the OS mirrors, the clock and registry logins. With a manifest, its
index and mirrors are the ones that are asked. Nothing is changed. The exit code
is 1 when a check fails.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, err := a.host(cmd, args, net, eng)
			if err != nil {
				return err
			}
			report := doctor.Examine(cmd.Context(), host)
			if err := cmd.Context().Err(); err != nil {
				return fault.Wrap(fault.Cancelled, err, "examining this machine")
			}
			if !report.Healthy {
				a.exitCode = fault.Internal.ExitCode()
			}
			return a.print(report, func(w io.Writer) { printReport(w, report) })
		},
	}
	net.register(cmd)
	eng.register(cmd)
	return cmd
}

// host is this machine, as the other commands with the same flags see it.
func (a *app) host(cmd *cobra.Command, args []string, net networkFlags, eng engineFlags) (doctor.Host, error) {
	w, stop := a.workspace(net)
	stop()
	a.engineOptions(w, eng)
	h := doctor.Host{
		Index:     w.Index,
		Files:     os.DirFS(w.HostRoot),
		CacheDir:  w.CacheDir,
		UID:       os.Geteuid(),
		Engine:    w.Engine.Address,
		Runc:      w.Engine.Runc,
		Now:       time.Now,
		Overlay:   engine.Overlay,
		FreeBytes: doctor.Free,
		Probe:     debian.Probe,
		Dial: func(ctx context.Context) error {
			o := w.Engine
			c, err := solve.Dial(ctx, solve.Target{Address: o.Address, CA: o.CA, Cert: o.Cert, Key: o.Key, ServerName: o.ServerName})
			if err != nil {
				return err
			}
			return c.Close()
		},
	}
	var err error
	if len(args) > 0 {
		h.Manifest, _, err = a.loadManifest(cmd, args, manifestFlags{})
	}
	return h, err
}

func printReport(w io.Writer, r *doctor.Report) {
	width := 0
	for _, c := range r.Checks {
		width = max(width, len(c.Name))
	}
	for _, c := range r.Checks {
		fmt.Fprintf(w, "%-4s  %-*s  %s\n", c.Status, width, c.Name, c.Found)
		if c.Status != doctor.OK {
			fmt.Fprintf(w, "      %-*s  fix: %s\n", width, "", c.Fix)
		}
	}
}
