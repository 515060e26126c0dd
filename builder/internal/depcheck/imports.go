package depcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Module is the path of the module under test.
const Module = "github.com/lockforge/lockforge"

// Graph is an import graph: what each package imports, tests not counted.
type Graph map[string]Package

// Package is one package of the graph.
type Package struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// Load asks the go command for the packages of the module in dir, and for all
// that they depend on.
func Load(dir string) (Graph, error) {
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the programs are built
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	g := Graph{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the list of packages: %w", err)
		}
		g[p.ImportPath] = p
	}
}

// Own lists the module's packages, sorted, by their path inside of it.
func (g Graph) Own() []string {
	var own []string
	for p := range g {
		if in, ok := inside(p); ok {
			own = append(own, in)
		}
	}
	slices.Sort(own)
	return own
}

func inside(p string) (string, bool) {
	if p == Module {
		return ".", true
	}
	return strings.CutPrefix(p, Module+"/")
}

// Path returns a shortest chain of imports from a package of the module to one
// that to accepts, or nil.
func (g Graph) Path(from string, to func(string) bool) []string {
	start := Module + "/" + from
	cameFrom := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != start && to(at) {
			var chain []string
			for p := at; p != ""; p = cameFrom[p] {
				chain = append(chain, p)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range g[at].Imports {
			if _, seen := cameFrom[next]; !seen {
				cameFrom[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// under reports whether a path is one of the roots or below one.
func under(p string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return p == root || strings.HasPrefix(p, root+"/") })
}
