package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

func (a *app) lockCommand() *cobra.Command {
	var from manifestFlags
	var net networkFlags
	var eng engineFlags
	var upgrade []string
	var check bool
	cmd := &cobra.Command{
		Use:   "lock [M]",
		Short: "Resolve everything by hash and write the lock",
		Long: `Resolve every wheel and OS package of a manifest and write them, by hash, into
its lock. Versions of the existing lock are kept where they still fit; OS
packages always move to what the archive has now.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, path, err := a.loadManifest(cmd, args, from)
			if err != nil {
				return err
			}
			if check {
				_, err := builder.CheckLock(m, path)
				return err
			}
			w, stop := a.workspace(net)
			defer stop()
			a.engineOptions(w, eng)
			request := builder.LockRequest{Manifest: m, Path: path}
			request.Upgrade, request.UpgradeAll = splitUpgrade(upgrade)
			result, err := w.Lock(cmd.Context(), request)
			if err != nil {
				return err
			}
			stop()
			return a.print(result, func(w io.Writer) { printLock(w, result) })
		},
	}
	from.register(cmd)
	net.register(cmd)
	eng.register(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&upgrade, "upgrade", nil, "let these projects move to newer versions; without a name, all")
	flags.Lookup("upgrade").NoOptDefVal = upgradeAll
	flags.BoolVar(&check, "check", false, "only compare the lock with the manifest; exit 12 when they differ")
	cmd.AddCommand(a.lockExportCommand())
	return cmd
}

// upgradeAll is the value of --upgrade without a name; no project is called so.
const upgradeAll = "*"

func splitUpgrade(names []string) (projects []string, all bool) {
	for _, name := range names {
		if name == upgradeAll {
			return nil, true
		}
	}
	return names, false
}

func printLock(w io.Writer, r *builder.LockResult) {
	if !r.Written {
		fmt.Fprintf(w, "%s is up to date\n", r.Path)
		return
	}
	if !r.First { // of a first lock everything is new, and said by its numbers
		for _, change := range r.Changes {
			fmt.Fprintln(w, change)
		}
	}
	wheels, debs := 0, 0
	for _, p := range r.Lock.Platforms {
		wheels, debs = wheels+len(p.Wheels), debs+len(p.Debs)
	}
	fmt.Fprintf(w, "wrote %s: %d wheels, %d OS packages\n", r.Path, wheels, debs)
}

func (a *app) lockExportCommand() *cobra.Command {
	var format, platform string
	cmd := &cobra.Command{
		Use:   "export LOCK",
		Short: "Write the Python part of a lock in a standard form",
		Args:  exactArgs("LOCK"),
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "pylock" {
				return fault.New(fault.Usage, "unknown form %q", format).Hint("use --as pylock")
			}
			l, err := lock.Read(args[0])
			if err != nil {
				return err
			}
			content, err := l.Pylock(platform)
			if err != nil {
				return err
			}
			_, err = a.process.Stdout.Write(content)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "as", "pylock", "form to write: pylock (PEP 751)")
	cmd.Flags().StringVar(&platform, "platform", "linux/amd64", "platform of the lock")
	return cmd
}
