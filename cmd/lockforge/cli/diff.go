package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagediff"
	"github.com/lockforge/lockforge/builder/lock"
)

func (a *app) diffCommand() *cobra.Command {
	var options image.Options
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "List what differs between two locks or two images",
		Long: `A lock is a file. An image is oci:DIR, oci:DIR@sha256:..., tar:FILE, or a
reference whose first part is a registry, as in mirror.example/name:tag.

Images are compared layer by layer, down to the files and the fields of their
headers. Differences are a result and no error: the exit code is 0.`,
		Args: exactArgs("A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch before, after := isImage(args[0]), isImage(args[1]); {
			case before && after:
				return a.diffImages(cmd.Context(), args[0], args[1], options)
			case before || after:
				return fault.New(fault.Usage, "comparing %s and %s: one is an image, the other a lock", args[0], args[1]).
					Hint("an image is oci:DIR, tar:FILE or a reference with its registry")
			default:
				return a.diffLocks(args[0], args[1])
			}
		},
	}
	cmd.Flags().BoolVar(&options.Insecure, "allow-http-registry", false, "read images over plain HTTP")
	return cmd
}

// isImage tells images from locks. What could be either is a file, since a
// wrong guess would ask somebody else's registry.
func isImage(arg string) bool {
	if strings.HasPrefix(arg, "oci:") || strings.HasPrefix(arg, "tar:") {
		return true
	}
	if _, err := os.Stat(arg); err == nil || strings.HasSuffix(arg, ".lock") {
		return false
	}
	host, _, ok := strings.Cut(arg, "/")
	return ok && strings.Trim(host, ".") != "" && (strings.ContainsAny(host, ".:") || host == "localhost")
}

func (a *app) diffLocks(from, to string) error {
	before, err := lock.Read(from)
	if err != nil {
		return err
	}
	after, err := lock.Read(to)
	if err != nil {
		return err
	}
	return printChanges(a, lock.Diff(before, after))
}

func (a *app) diffImages(ctx context.Context, from, to string, o image.Options) error {
	before, err := image.Open(ctx, from, o)
	if err != nil {
		return err
	}
	after, err := image.Open(ctx, to, o)
	if err != nil {
		return err
	}
	changes, err := imagediff.Compare(ctx, before, after)
	if err != nil {
		return err
	}
	return printChanges(a, changes)
}

func printChanges[C fmt.Stringer](a *app, changes []C) error {
	if changes == nil {
		changes = []C{} // a list in JSON, too
	}
	return a.print(changes, func(w io.Writer) {
		for _, c := range changes {
			fmt.Fprintln(w, c)
		}
	})
}
