package cli

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
)

// version is what `lockforge version` prints.
type version struct {
	Version      string            `json:"version"`
	Go           string            `json:"go"`
	PolicyDigest string            `json:"policyDigest"`
	Modules      map[string]string `json:"modules"`
}

// shown are the modules whose versions decide what an image or a signature looks like.
var shown = []string{"github.com/moby/buildkit", "github.com/sigstore/cosign/v2", "github.com/open-policy-agent/opa"}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say what this program is made of",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			set, err := loadPolicies("")
			if err != nil {
				return err
			}
			v := version{Version: builder.Version, PolicyDigest: set.Digest(), Modules: map[string]string{}}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Go = info.GoVersion
				for _, dep := range info.Deps {
					for _, path := range shown {
						if dep.Path == path {
							v.Modules[path] = dep.Version
						}
					}
				}
			}
			return a.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "lockforge %s (%s)\n", v.Version, v.Go)
				for _, path := range shown {
					fmt.Fprintf(w, "  %s %s\n", path, v.Modules[path])
				}
				fmt.Fprintf(w, "  policy set %s\n", v.PolicyDigest)
			})
		},
	}
}
