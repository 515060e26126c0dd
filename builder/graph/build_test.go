package graph

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/venv"
)

var update = flag.Bool("update", false, "write the golden files")

func dump(t testing.TB, g *Graph) string {
	t.Helper()
	var b bytes.Buffer
	if err := g.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	const golden = "testdata/two-platforms.golden"
	got := dump(t, newFixture(t).build(t))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("run with -update and review the difference:\n%s", d)
	}
}

func TestTheSameLockGivesTheSameBytes(t *testing.T) {
	want := newFixture(t).build(t)
	for i := range 50 {
		f := newFixture(t)
		if i%2 == 1 {
			f.reverse()
		}
		got := f.build(t)
		for j, p := range got.Platforms {
			if !bytes.Equal(p.Definition, want.Platforms[j].Definition) || !bytes.Equal(p.Config, want.Platforms[j].Config) {
				t.Fatalf("run %d: %s differs:\n%s", i, p.Platform, cmp.Diff(dump(t, want), dump(t, got)))
			}
		}
	}
}

// TestEveryStepIsClosed reloads what was marshalled and checks what each step
// could reach.
func TestEveryStepIsClosed(t *testing.T) {
	g := newFixture(t).build(t)
	for _, p := range g.Platforms {
		ops, err := readOps(p.Definition)
		if err != nil {
			t.Fatal(err)
		}
		execs := 0
		for _, o := range ops {
			switch v := o.Op.Op.(type) {
			case *pb.Op_Exec:
				execs++
				checkExec(t, o, v.Exec)
			case *pb.Op_Source:
				checkSource(t, g, v.Source)
			case *pb.Op_Merge, nil:
			default:
				t.Errorf("%s: vertex %d is a %T", p.Platform, o.number, v)
			}
		}
		// os and python come from one step.
		if execs < len(p.Layers)-1 {
			t.Errorf("%s: %d steps for %d layers", p.Platform, execs, len(p.Layers))
		}
	}
}

func checkExec(t *testing.T, o op, exec *pb.ExecOp) {
	t.Helper()
	if exec.Network != pb.NetMode_NONE || exec.Security != pb.SecurityMode_SANDBOX {
		t.Errorf("%s: network %s, security %s", o.name, exec.Network, exec.Security)
	}
	if got := o.Platform; got.OS != "linux" || got.Architecture != "amd64" {
		t.Errorf("%s runs on %s/%s, want the build host's platform", o.name, got.OS, got.Architecture)
	}
	args := exec.Meta.Args
	if len(args) == 4 && args[1] == "stdlib" && args[2] == "-root" && args[3] == modulesPath {
		args = args[:2] // the modules of a platform that the interpreter is not of
	}
	if len(args) != 2 || args[0] != programPath {
		t.Errorf("%s: arguments %q", o.name, args)
	}
	outputs := 0
	for _, m := range exec.Mounts {
		switch {
		case m.Dest == "/tmp" && m.MountType == pb.MountType_TMPFS:
		case m.MountType != pb.MountType_BIND:
			t.Errorf("%s: %s is a %s", o.name, m.Dest, m.MountType)
		case m.Dest == "/" && m.Input < 0: // a root file system with nothing in it
		case strings.HasPrefix(m.Dest, outPath):
			outputs++
		case !m.Readonly:
			t.Errorf("%s: %s is writable", o.name, m.Dest)
		}
	}
	if want := map[bool]int{true: 2, false: 1}[exec.Meta.Args[1] == "debs"]; outputs != want {
		t.Errorf("%s: %d outputs, want %d", o.name, outputs, want)
	}
}

func checkSource(t *testing.T, g *Graph, s *pb.SourceOp) {
	t.Helper()
	sha, ok := strings.CutPrefix(s.Identifier, "oci-layout+blob://"+blobReference)
	if !ok || s.Attrs[pb.AttrOCILayoutStoreID] != StoreID {
		t.Errorf("source %s %v", s.Identifier, s.Attrs)
	}
	_, generated := g.Content.Generated[sha]
	_, packed := g.Content.Packs[sha]
	if generated == packed {
		t.Errorf("source %s: generated %v, packed %v", s.Identifier, generated, packed)
	}
}

func TestAnotherPluginMovesNoOtherLayer(t *testing.T) {
	before := execNames(t, newFixture(t).build(t).Platforms[0])
	f := newFixture(t)
	added := f.shelf.wheel(t, "brand-new", "1.0", "brand/new.py", "print()\n")
	for _, p := range f.lock.Platforms {
		p.Wheels = append(p.Wheels, added)
		p.Venvs = append(p.Venvs, lock.Venv{Dir: "new-bundled", Label: "new", Plugins: []string{"new"}, Wheels: []string{added.File}})
	}
	after := execNames(t, f.build(t).Platforms[0])
	var moved []string
	for name := range before {
		if !after[name] && !strings.HasPrefix(name, "venvs") && !strings.HasPrefix(name, "config") {
			moved = append(moved, name)
		}
	}
	if len(moved) > 1 {
		t.Errorf("%v changed, want at most the bucket of the new wheel", moved)
	}
}

// execNames gives name and encoded form of every step.
func execNames(t *testing.T, p *Platform) map[string]bool {
	t.Helper()
	ops, err := readOps(p.Definition)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, o := range ops {
		if _, ok := o.Op.Op.(*pb.Op_Exec); ok {
			raw, err := o.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			names[o.name+string(raw)] = true
		}
	}
	return names
}

func TestImageConfiguration(t *testing.T) {
	f := newFixture(t)
	g := f.build(t)
	for i, arch := range []string{"amd64", "arm64"} {
		var image ocispec.Image
		if err := json.Unmarshal(g.Platforms[i].Config, &image); err != nil {
			t.Fatal(err)
		}
		if image.OS != "linux" || image.Architecture != arch || image.Config.User != "1000:1000" {
			t.Errorf("%s/%s as %s", image.OS, image.Architecture, image.Config.User)
		}
		if got := image.Created.Format("2006-01-02T15:04:05Z"); got != "2026-01-02T00:00:00Z" {
			t.Errorf("created %s", got)
		}
		if !slices.Equal(image.Config.Entrypoint, []string{"/opt/datahub/bin/executor"}) || image.Config.Cmd != nil {
			t.Errorf("entry point %q %q", image.Config.Entrypoint, image.Config.Cmd)
		}
		if len(image.History) != len(g.Platforms[i].Layers) {
			t.Errorf("%d history lines for %d layers", len(image.History), len(g.Platforms[i].Layers))
		}
		for _, want := range []string{"DATAHUB_BUNDLED_VENV_PATH=/opt/datahub/venvs", "PIP_INDEX_URL=" + nowhere, "UV_DEFAULT_INDEX=" + nowhere, "INGESTION_DEPENDENCY_RESOLUTION_ENABLED=false", "DATAHUB_TELEMETRY_ENABLED=false"} {
			if !slices.Contains(image.Config.Env, want) {
				t.Errorf("%s is not in the environment", want)
			}
		}
	}
}

func TestWithoutExecutorThereIsNoEntryPoint(t *testing.T) {
	f := newFixture(t)
	f.manifest.Runtime.Executor = false
	g := f.build(t)
	var image ocispec.Image
	if err := json.Unmarshal(g.Platforms[0].Config, &image); err != nil {
		t.Fatal(err)
	}
	last := g.Platforms[0].Layers[len(g.Platforms[0].Layers)-1]
	if image.Config.Entrypoint != nil || last.Name == "runtime" {
		t.Errorf("entry point %q, last layer %s", image.Config.Entrypoint, last.Name)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	startup := "import os\n"
	for name, test := range map[string]struct {
		change func(t *testing.T, f *fixture)
		want   fault.Kind
	}{
		"no interpreter for the build host": {func(_ *testing.T, f *fixture) { f.lock.Platforms = f.lock.Platforms[1:] }, fault.Build},
		"a wheel with other bytes": {func(_ *testing.T, f *fixture) {
			f.shelf[f.lock.Platforms[0].Wheels[0].SHA256][9] ^= 1
		}, fault.Integrity},
		"a wheel that is not in the store": {func(_ *testing.T, f *fixture) {
			delete(f.shelf, f.lock.Platforms[0].Wheels[0].SHA256)
		}, fault.Integrity},
		"a venv with an unknown wheel": {func(_ *testing.T, f *fixture) {
			f.lock.Platforms[0].Venvs[0].Wheels = []string{"other-1.0-py3-none-any.whl"}
		}, fault.LockDrift},
		"a start-up file that nobody reviewed": {func(t *testing.T, f *fixture) {
			f.lock.Platforms[0].Wheels = append(f.lock.Platforms[0].Wheels, f.shelf.wheel(t, "startup", "1.0", "startup.pth", startup))
		}, fault.LockDrift},
		"a date that is none":        {func(_ *testing.T, f *fixture) { f.lock.Resolved = "yesterday" }, fault.LockDrift},
		"more layers than allowed":   {func(_ *testing.T, f *fixture) { f.lock.Layers.Budget = 7 }, fault.Manifest},
		"no program for the host":    {func(_ *testing.T, f *fixture) { f.inputs.Unpack = noProgram }, fault.Build},
		"no executor for the target": {func(_ *testing.T, f *fixture) { f.inputs.Executor = noProgram }, fault.Build},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			test.change(t, f)
			if _, err := Build(f.manifest, f.lock, f.inputs); !fault.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func noProgram(arch string) (*io.SectionReader, error) {
	return nil, fault.New(fault.Build, "no program for %s", arch)
}

func TestAReviewedStartupFileIsAccepted(t *testing.T) {
	f := newFixture(t)
	w := f.shelf.wheel(t, "startup", "1.0", "startup.pth", "import os\n")
	sites, err := openSites(&lock.Platform{Python: "3.13", Wheels: []lock.Wheel{f.lock.Platforms[0].Wheels[0]}}, f.inputs)
	if err != nil || len(sites) != 1 {
		t.Fatalf("%d sites, %v", len(sites), err)
	}
	sha := f.shelf.put([]byte("import os\n"))
	p := f.lock.Platforms[0]
	p.Wheels = append(p.Wheels, w)
	p.Reviewed = []lock.Reviewed{{Wheel: w.File, File: "startup.pth", SHA256: sha, Reason: "harmless"}}
	f.build(t)
}

func TestVenvLinksOfGroups(t *testing.T) {
	f := newFixture(t)
	entries, err := Venvs(f.lock.Platforms[0], "/opt/datahub/venvs", f.inputs)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		if e.Type == venv.Link {
			got[e.Path] = e.Target
		}
	}
	for path, want := range map[string]string{
		"opt/datahub/venvs/beta-bundled":                                          "common-venv",
		"opt/datahub/venvs/gamma-bundled":                                         "common-venv",
		"opt/datahub/venvs/common-venv/lib/python3.13/site-packages/space/one.py": "../../../../../../store/" + f.lock.Platforms[0].Wheels[1].StoreKey() + "/space/one.py",
		"opt/datahub/venvs/alpha-bundled/lib/python3.13/site-packages/large":      "../../../../../store/" + f.lock.Platforms[0].Wheels[0].StoreKey() + "/large",
	} {
		if got[path] != want {
			t.Errorf("%s -> %q, want %q", path, got[path], want)
		}
	}
}

func TestABaseImageTakesThePlaceOfTheOS(t *testing.T) {
	f := newFixture(t)
	f.lock.Platforms = f.lock.Platforms[:1]
	p := f.lock.Platforms[0]
	manifestSHA := strings.Repeat("c", 64)
	p.Base, p.Debs = lock.Base{Image: "sha256:" + manifestSHA}, nil
	if _, err := Build(f.manifest, f.lock, f.inputs); !fault.Is(err, fault.Internal) {
		t.Errorf("a base image that was not handed in: %v", err)
	}
	f.inputs.Bases = map[string]BaseImage{p.Platform: {
		Manifest: p.Base.Image, Blobs: map[string]int64{manifestSHA: 7}, Layers: []string{"rootfs", "python"}, Bytecode: true,
	}}
	g := f.build(t)
	var names []string
	for _, l := range g.Platforms[0].Layers[:3] {
		names = append(names, l.Name)
	}
	if d := cmp.Diff([]string{"base-00", "base-01", "wheel-large"}, names); d != "" {
		t.Error(d)
	}
	bare := f.inputs.Bases[p.Platform]
	bare.Bytecode = false
	f.inputs.Bases[p.Platform] = bare
	if with, without := len(g.Platforms[0].Layers), len(f.build(t).Platforms[0].Layers); without != with+1 {
		t.Errorf("%d layers over a base with bytecode, %d over one without", with, without)
	}
	if g.Content.Stored[manifestSHA] != 7 {
		t.Errorf("stored content %v, want the base's manifest", g.Content.Stored)
	}
	if text := dump(t, g); !strings.Contains(text, "oci-layout://lockforge.local/base@"+p.Base.Image) || strings.Contains(text, `"debs"`) {
		t.Error("the graph does not begin with the base image:\n" + text)
	}
}
