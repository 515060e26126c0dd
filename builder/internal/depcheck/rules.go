package depcheck

import (
	"fmt"
	"slices"
	"strings"
)

// home says which packages of the module may import a dependency directly.
type home struct {
	what    string
	pattern func(string) bool
	homes   []string
}

func dependency(roots ...string) func(string) bool {
	return func(p string) bool { return under(p, roots...) }
}

const buildkit = "github.com/moby/buildkit"

// homes gives every heavy dependency one place. Tools for tests are free.
var homes = []home{
	{"cobra", dependency("github.com/spf13/cobra"), []string{"cmd"}},
	{"LLB", dependency(buildkit + "/client/llb"), []string{"builder/graph"}},
	{"BuildKit's client", func(p string) bool {
		return under(p, buildkit+"/client", buildkit+"/session") && !under(p, buildkit+"/client/llb")
	}, []string{"builder/solve", "builder/engine"}},
	{"BuildKit's daemon", dependency(buildkit+"/control", buildkit+"/worker", buildkit+"/cache", buildkit+"/executor", buildkit+"/snapshot", buildkit+"/cmd", buildkit+"/solver/bboltcachestorage"),
		[]string{"builder/engine"}},
	// image knows images, and attest what is kept beside one: manifests and tags
	// of cosign's, referrers, deletions. Calls for that in image would be
	// attest's storage under another name. No exported API shows its types. How
	// both talk to registries is in internal/registry.
	{"go-containerregistry", dependency("github.com/google/go-containerregistry"), []string{"builder/image", "builder/attest", "builder/internal/registry"}},
	{"OPA", dependency("github.com/open-policy-agent/opa"), []string{"builder/policy"}},
	{"cosign and sigstore", dependency("github.com/sigstore"), []string{"builder/attest"}},
	{"SBOM libraries", dependency("github.com/spdx", "github.com/CycloneDX"), []string{"builder/sbom"}},
	{"syft", dependency("github.com/anchore/syft", "github.com/anchore/stereoscope"), nil},
	// The executor's adapters: whoever looks for a way out of it finds them all here.
	{"Kafka's client", dependency("github.com/twmb/franz-go"), []string{"executor/queue/kafka"}},
	{"Avro", dependency("github.com/twmb/avro"), []string{"executor/queue/kafka"}},
	{"AWS", dependency("github.com/aws"), []string{"executor/queue/kafka/msk", "executor/secret/awssm"}},
	{"Google Cloud", dependency("cloud.google.com", "google.golang.org/api"), []string{"executor/secret/gcpsm"}},
	{"Prometheus", dependency("github.com/prometheus"), []string{"executor/metrics"}},
	{"OpenTelemetry", dependency("go.opentelemetry.io"), []string{"executor/trace"}},
	{"cron", dependency("github.com/robfig/cron"), []string{"executor/observe"}},
}

// free are packages that no rule about dependencies applies to.
var free = []string{"internal/testenv", "executor/internal"}

// reach says what a package must not reach, by whatever chain of imports.
type reach struct {
	from      []string
	forbidden func(string) bool
	why       string
}

var reaches = []reach{
	{[]string{"builder/verify"},
		func(p string) bool {
			in, ok := inside(p)
			return under(p, buildkit) || ok && under(in, "builder/graph", "builder/solve", "builder/engine")
		}, "who checks an image needs nothing that builds one"},
	{[]string{"builder/fault", "builder/layers", "builder/wheel", "builder/venv", "builder/deb", "builder/rootfs", "builder/unpack", "builder/image/imagetest"},
		func(p string) bool { return p == "net/http" }, "pure packages use no network"},
	{[]string{"cmd/lockforge", "cmd/executor", "cmd/unpack"},
		dependency("github.com/anchore/syft", "github.com/anchore/stereoscope"), "no program carries syft"},
}

// pure are the packages that stand on the standard library, packages of the
// module that do so too, and what is listed.
var pure = []struct {
	packages, allowed []string
}{
	{[]string{"builder/wheel", "builder/venv", "builder/fault"}, nil},
	{[]string{"builder/unpack"}, []string{"github.com/mikelolasagasti/xz", "github.com/ulikunitz/xz", "github.com/klauspost/compress"}},
	{[]string{"executor/bundle", "executor/capacity", "executor/contract", "executor/gms/auth", "executor/health", "executor/lifecycle", "executor/logs",
		"executor/mask", "executor/queue", "executor/secret"}, nil},
	{[]string{"executor/audit", "executor/journal", "executor/sandbox", "executor/task"}, []string{"golang.org/x/sys"}},
	{[]string{"executor/recipe"}, []string{"gopkg.in/yaml.v3"}},
	{[]string{"executor/config", "executor/gms", "executor/ingestion", "executor/queue/poll", "executor/report", "executor/results", "executor/worker"},
		[]string{"golang.org/x/sys", "golang.org/x/net", "golang.org/x/sync", "gopkg.in/yaml.v3"}},
}

// offline are the packages that import no HTTP code themselves. What LLB
// brings along for graph is BuildKit's.
var offline = []string{"builder/fault", "builder/plan", "builder/manifest", "builder/layers", "builder/graph"}

// order is the order of the stages: each may import those before it.
var order = []string{
	"builder/fault", "builder/progress", "builder/manifest", "builder/wheel", "builder/venv", "builder/store", "builder/plan", "builder/lock",
	"builder/layers", "builder/index", "builder/fetch", "builder/catalog", "builder/lock/debian", "builder/lock/pypi", "builder/programs", "builder/pack",
	"builder/deb", "builder/rootfs", "builder/unpack", "builder/graph", "builder/engine", "builder/solve", "builder/image", "builder/image/imagediff", "builder/facts", "builder/probe", "builder/probe/container", "builder/probe/dynamic", "builder/probe/remote", "builder/sbom", "builder/policy",
	"builder/attest", "builder/verify", "builder",
}

// earlier are stages that come before others without being in their line: the
// OS part is resolved by the same tables that it is unpacked by.
var earlier = map[string][]string{"builder/lock/debian": {"builder/deb", "builder/rootfs"}}

// Check returns every broken rule with the imports that break it.
func Check(g Graph) []string {
	var broken []string
	for _, p := range g.Own() {
		broken = append(broken, g.checkImports(p)...)
	}
	for _, r := range reaches {
		for _, from := range r.from {
			if chain := g.Path(from, r.forbidden); chain != nil {
				broken = append(broken, fmt.Sprintf("%s (%s)", strings.Join(chain, " -> "), r.why))
			}
		}
	}
	for _, rule := range pure {
		for _, from := range rule.packages {
			chain := g.Path(from, func(p string) bool {
				_, own := inside(p)
				return !own && !g[p].Standard && !under(p, rule.allowed...)
			})
			if chain != nil {
				broken = append(broken, strings.Join(chain, " -> ")+" (standard library only)")
			}
		}
	}
	return broken
}

// checkImports checks what one package imports directly, and its name.
func (g Graph) checkImports(from string) []string {
	var broken []string
	report := func(to, why string) {
		broken = append(broken, fmt.Sprintf("%s -> %s (%s)", from, to, why))
	}
	name := from[strings.LastIndexByte(from, '/')+1:]
	if slices.Contains([]string{"util", "utils", "common", "helpers", "types"}, name) {
		report(name, "no package has a name that says nothing")
	}
	for _, to := range g[Module+"/"+from].Imports {
		for _, h := range homes {
			if h.pattern(to) && !under(from, h.homes...) && !under(from, free...) {
				report(to, h.what+" is imported by "+strings.Join(h.homes, " and ")+" only")
			}
		}
		if under(from, offline...) && to == "net/http" {
			report(to, "no network code here")
		}
		if target, ok := inside(to); ok {
			if why := checkStage(from, target); why != "" {
				report(target, why)
			}
		}
	}
	return broken
}

func checkStage(from, to string) string {
	switch {
	case to == "builder" && !under(from, "cmd"):
		return "only cmd imports builder itself"
	case under(to, "cmd") && !under(from, "cmd"):
		return "nobody imports cmd"
	case under(from, "executor") && under(to, "builder"):
		return "the executor knows nothing of the builder"
	}
	at, target := slices.Index(order, from), slices.Index(order, to)
	if at >= 0 && target > at && !slices.Contains(earlier[from], to) {
		return "a stage imports earlier ones only"
	}
	return ""
}
