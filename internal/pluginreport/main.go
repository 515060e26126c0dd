// Command pluginreport writes docs/plugins.md: what became of each plugin of a
// manifest that was locked and built.
//
//	go run ./internal/pluginreport LOCK METADATA >docs/plugins.md
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/lock"
)

// metadata is what `build --metadata-file` writes, as far as it is looked at.
type metadata struct {
	Platforms []struct {
		Platform string
		Size     int64 // bytes
		Layers   []struct{}
		Tests    []struct{ Name, Status string }
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pluginreport LOCK METADATA")
		os.Exit(2)
	}
	if err := report(os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func report(w io.Writer, lockFile, metadataFile string) error {
	l, err := lock.Read(lockFile)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(metadataFile)
	if err != nil {
		return err
	}
	var built metadata
	if err := json.Unmarshal(content, &built); err != nil {
		return fmt.Errorf("reading %s: %w", metadataFile, err)
	}
	if len(l.Platforms) != len(built.Platforms) {
		return errors.New("lock and metadata have different platforms")
	}
	fmt.Fprintf(w, `# The plugins of manifests/wide.yaml

Made by `+"`make wide`"+`, which locks and builds the manifest for real, with DataHub CLI %s in slim mode. "Imports" means
that the source's class was loaded through DataHub's own registry, in its venv, in the built image: no network, read-only
root, user 1000.
`, l.CLIVersion)
	for i, p := range l.Platforms {
		b := built.Platforms[i]
		status := map[string]string{}
		for _, t := range b.Tests {
			status[t.Name] = t.Status
		}
		fmt.Fprintf(w, "\n## %s, Debian %s, Python %s\n\n", p.Platform, p.Base.Suite, p.Python)
		fmt.Fprintf(w, "%d wheels in %d layers, %d MB compressed.\n\n", len(p.Wheels), len(b.Layers), b.Size/1e6)
		fmt.Fprintf(w, "| plugin | venv | locks | builds | imports | wheels | built from source |\n|---|---|---|---|---|---|---|\n")
		for _, row := range rows(p, status) {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
		exceptions(w, p)
	}
	return nil
}

// rows gives one row for each plugin, by name.
func rows(p *lock.Platform, status map[string]string) [][]string {
	sdists := map[string]bool{}
	for _, s := range p.Sdists {
		sdists[s.Name] = true
	}
	names := map[string]string{} // of wheels, by file
	for _, wheel := range p.Wheels {
		names[wheel.File] = wheel.Name
	}
	var all [][]string
	for _, v := range p.Venvs {
		var built []string
		for _, file := range v.Wheels {
			if sdists[names[file]] {
				built = append(built, names[file])
			}
		}
		slices.Sort(built)
		for _, s := range v.Sources {
			imports := "no: " + s.Class
			if status["import "+s.Class+" in "+v.Dir] == "passed" {
				imports = "yes"
			}
			all = append(all, []string{s.Plugin, v.Dir, "yes", "yes", imports, fmt.Sprint(len(v.Wheels)), strings.Join(built, ", ")})
		}
	}
	slices.SortFunc(all, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return all
}

func exceptions(w io.Writer, p *lock.Platform) {
	if len(p.Exceptions) == 0 {
		return
	}
	fmt.Fprint(w, "\nDeclared by these wheels and not shipped:\n\n")
	for _, e := range p.Exceptions {
		fmt.Fprintf(w, "- %s %s (%s): %s\n", e.Name, e.Version, strings.Join(e.NeededBy, ", "), e.Reason)
	}
}
