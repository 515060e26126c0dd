package depcheck

import (
	"slices"
	"strings"
	"testing"
)

func TestImportRules(t *testing.T) {
	g, err := Load("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Own()) < 20 {
		t.Fatalf("only %d packages of the module were found", len(g.Own()))
	}
	for _, b := range Check(g) {
		t.Error(b)
	}
	for _, h := range homes {
		for _, at := range h.homes {
			if !g.uses(at, h.pattern) {
				t.Errorf("%s may import %s and does not: take it off the list", at, h.what)
			}
		}
	}
}

// uses reports whether a package, or one below it, imports what matches.
func (g Graph) uses(home string, pattern func(string) bool) bool {
	for _, p := range g.Own() {
		if under(p, home) && slices.ContainsFunc(g[Module+"/"+p].Imports, pattern) {
			return true
		}
	}
	return false
}

// graph makes a graph of "a: b c" lines; paths that begin with "." are the
// module's.
func graph(lines ...string) Graph {
	g := Graph{}
	long := func(p string) string { return strings.Replace(p, "./", Module+"/", 1) }
	for _, l := range lines {
		from, imports, _ := strings.Cut(l, ": ")
		p := Package{ImportPath: long(from), Standard: !strings.Contains(from, ".")}
		for _, i := range strings.Fields(imports) {
			p.Imports = append(p.Imports, long(i))
		}
		g[p.ImportPath] = p
	}
	return g
}

func TestCheckFindsEachBrokenRule(t *testing.T) {
	for name, tc := range map[string]struct {
		g    Graph
		want string
	}{
		"cobra":                {graph("./builder/lock: github.com/spf13/cobra"), "cobra"},
		"LLB":                  {graph("./builder/solve: github.com/moby/buildkit/client/llb"), "LLB"},
		"client":               {graph("./builder/graph: github.com/moby/buildkit/client"), "client"},
		"daemon":               {graph("./builder/solve: github.com/moby/buildkit/worker/runc"), "daemon"},
		"registry":             {graph("./builder/facts: github.com/google/go-containerregistry/pkg/v1"), "go-containerregistry"},
		"OPA":                  {graph("./builder/verify: github.com/open-policy-agent/opa/v1/rego"), "OPA"},
		"sigstore":             {graph("./builder/verify: github.com/sigstore/sigstore-go/pkg/verify"), "sigstore"},
		"syft":                 {graph("./builder/sbom: github.com/anchore/syft/syft"), "syft"},
		"verify reaches graph": {graph("./builder/verify: ./builder/image", "./builder/image: x.example/y", "x.example/y: ./builder/graph"), "builder/verify -> " + Module + "/builder/image -> x.example/y -> " + Module + "/builder/graph"},
		"verify reaches LLB":   {graph("./builder/verify: x.example/y", "x.example/y: github.com/moby/buildkit/util"), "x.example/y -> github.com/moby/buildkit/util"},
		"syft in the program":  {graph("./cmd/lockforge: ./builder", "./builder: x.example/y", "x.example/y: github.com/anchore/syft"), "no program carries"},
		"wheel":                {graph("./builder/wheel: x.example/y", "x.example/y: "), "standard library"},
		"unpack, far away":     {graph("./builder/unpack: ./builder/deb", "./builder/deb: x.example/y", "x.example/y: "), "standard library"},
		"executor core":        {graph("./executor/task: x.example/y", "x.example/y: "), "standard library"},
		"network":              {graph("./builder/manifest: net/http"), "no network"},
		"pure network":         {graph("./builder/layers: x.example/y", "x.example/y: net/http"), "no network"},
		"root":                 {graph("./builder/verify: ./builder"), "only cmd"},
		"cmd":                  {graph("./builder/lock: ./cmd/lockforge/cli"), "nobody imports cmd"},
		"later stage":          {graph("./builder/lock: ./builder/fetch"), "earlier ones"},
		"executor to builder":  {graph("./executor/run: ./builder/fault"), "executor knows"},
		"empty name":           {graph("./builder/utils: "), "says nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Check(tc.g), "\n")
			if !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q in it", got, tc.want)
			}
		})
	}
}

func TestCheckAcceptsWhatIsAllowed(t *testing.T) {
	g := graph(
		"./cmd/lockforge: ./builder github.com/spf13/cobra", "./builder: ./builder/solve ./builder/verify",
		"./builder/graph: github.com/moby/buildkit/client/llb ./builder/lock", "./builder/solve: github.com/moby/buildkit/client ./builder/graph",
		"./builder/attest: github.com/google/go-containerregistry/pkg/v1/remote github.com/sigstore/sigstore-go/pkg/verify",
		"./builder/unpack: github.com/klauspost/compress/zstd ./builder/wheel", "./builder/verify: ./builder/policy ./builder/attest",
		"github.com/klauspost/compress/zstd: ", "github.com/spf13/cobra: net/http")
	if broken := Check(g); len(broken) > 0 {
		t.Errorf("broken rules: %q", broken)
	}
}
