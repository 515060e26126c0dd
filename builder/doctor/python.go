package doctor

import (
	"context"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock/pypi"
	"github.com/lockforge/lockforge/builder/plan"
)

// quick are the options of a client that asks whether a host is there at all.
func quick() index.Options {
	return index.Options{Retries: 1, Timeout: 15 * time.Second}
}

func (h Host) uv(ctx context.Context) []Check {
	path, version, err := pypi.Program(ctx, h.getenv)
	if err != nil {
		return []Check{failed("uv", "install uv, which `lockforge lock` runs", err)}
	}
	return []Check{ok("uv", "%s (%s)", version, path)}
}

func (h Host) index(ctx context.Context) []Check {
	const name = "index"
	set, err := index.Discover(h.Manifest, h.Index)
	if err != nil {
		return []Check{failed(name, "set indexes.default.url in the manifest, or UV_DEFAULT_INDEX", err)}
	}
	var checks []Check
	client := index.NewClient(set, quick())
	defer client.Close()
	x := set.For(plan.Project)
	if files, err := client.Files(ctx, plan.Project); err != nil {
		checks = append(checks, failed(name, "check the address, which comes from "+x.From, err))
	} else {
		checks = append(checks, ok(name, "%s (from %s) has %d files of %s", x.URL, x.From, len(files), plan.Project))
	}
	if ignored := set.Ignored(); len(ignored) > 0 {
		checks = append(checks, warn("index settings", "list extra indexes with their packages under indexes.extra", "%s", strings.Join(ignored, "; ")))
	}
	return checks
}
