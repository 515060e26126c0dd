package builder

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/rootfs"
	"github.com/lockforge/lockforge/builder/venv"
)

// buildKit sums up what BuildKit itself recorded of the solve. A build that
// it does not call hermetic, on any platform, is refused: nothing that is said
// about the inputs would hold.
func buildKit(provenance map[string][]byte) (attest.BuildKit, error) {
	kit := attest.BuildKit{Version: buildKitVersion(), Hermetic: len(provenance) > 0}
	for platform, raw := range provenance {
		var p struct {
			BuildDefinition struct {
				ResolvedDependencies []json.RawMessage `json:"resolvedDependencies"`
			} `json:"buildDefinition"`
			RunDetails struct {
				Metadata struct {
					Hermetic bool `json:"buildkit_hermetic"`
				} `json:"metadata"`
			} `json:"runDetails"`
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return kit, fault.Wrap(fault.Build, err, "reading BuildKit's provenance of %s", platform)
		}
		kit.Hermetic = kit.Hermetic && p.RunDetails.Metadata.Hermetic
		kit.Dependencies += len(p.BuildDefinition.ResolvedDependencies)
	}
	if !kit.Hermetic {
		return kit, fault.New(fault.Build, "checking BuildKit's provenance: it does not call this build hermetic").
			Hint("a BuildKit given by --buildkit-addr must allow build steps without network")
	}
	return kit, nil
}

// buildKitVersion is that of the BuildKit this program is linked with.
func buildKitVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/moby/buildkit" {
				return dep.Version
			}
		}
	}
	return "unknown"
}

// dropRules says by which rules files of packages and wheels are left out.
func dropRules() []string {
	var rules []string
	for _, r := range rootfs.Rules() {
		if !r.Keep {
			rules = append(rules, fmt.Sprintf("os: %s: %s", r.ID, r.Reason))
		}
	}
	for _, r := range venv.Rules {
		rules = append(rules, fmt.Sprintf("wheel: %s: %s", r.ID, r.Reason))
	}
	return rules
}
