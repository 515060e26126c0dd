package solve_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

func TestMain(m *testing.M) { buildkit.Main(m) }

// stepProgram compiles testdata/step once.
var stepProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "step-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "step")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/step")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "compiling the step program: %s", text)
	}
	return os.ReadFile(out)
})

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// builder makes small graphs out of step commands.
type builder struct {
	t       testing.TB
	program string
	g       *graph.Graph
	store   map[string][]byte
}

func newBuilder(t testing.TB) *builder {
	t.Helper()
	program, err := stepProgram()
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{t: t, program: hexOf(program), store: map[string][]byte{}}
	b.g = &graph.Graph{
		Compression: "zstd", Epoch: 1_700_000_000,
		Content: graph.Content{
			Generated: map[string]*io.SectionReader{b.program: io.NewSectionReader(bytes.NewReader(program), 0, int64(len(program)))},
			Packs:     map[string]*pack.Pack{},
			Stored:    map[string]int64{},
		},
	}
	return b
}

func (b *builder) open(sha string) (pack.Blob, error) {
	content, ok := b.store[sha]
	if !ok {
		return nil, fault.New(fault.Integrity, "no blob %s", sha)
	}
	return memoryBlob{strings.NewReader(string(content))}, nil
}

type memoryBlob struct{ *strings.Reader }

func (memoryBlob) Close() error { return nil }

func blob(sha, name string, mode os.FileMode) llb.State {
	return llb.OCILayoutBlob("lockforge.local/blob@sha256:"+sha, llb.ImageBlobOCIStore("", graph.StoreID),
		llb.Filename(name), llb.Chmod(mode), llb.WithCustomName("[input] "+name))
}

func (b *builder) run(name string, mounts map[string]string, args ...string) llb.State {
	opts := []llb.RunOption{
		llb.Args(append([]string{"/step"}, args...)),
		llb.AddMount("/step", blob(b.program, "step", 0o555), llb.SourcePath("/step"), llb.Readonly),
		llb.Network(llb.NetModeNone), llb.WithCustomName(name),
	}
	for at, sha := range mounts {
		opts = append(opts, llb.AddMount(at, blob(sha, "file", 0o444), llb.SourcePath("/file"), llb.Readonly))
	}
	return llb.Scratch().Run(opts...).AddMount("/out", llb.Scratch())
}

func marshal(t testing.TB, s llb.State) []byte {
	t.Helper()
	def, err := s.Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := def.ToPB().MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (b *builder) platform(platform string, layers ...llb.State) *builder {
	b.t.Helper()
	raw := marshal(b.t, llb.Merge(layers))
	created := time.Unix(b.g.Epoch, 0).UTC()
	os, arch, _ := strings.Cut(platform, "/")
	image := ocispec.Image{Created: &created, Platform: ocispec.Platform{OS: os, Architecture: arch}}
	for range layers {
		image.History = append(image.History, ocispec.History{Created: &created, CreatedBy: "test"})
	}
	config, err := json.Marshal(image)
	if err != nil {
		b.t.Fatal(err)
	}
	b.g.Platforms = append(b.g.Platforms, &graph.Platform{Platform: platform, Definition: raw, Config: config})
	return b
}

func (b *builder) solve(ctx context.Context, c *solve.Client, dir string) (*solve.Result, error) {
	return solve.Run(ctx, c, b.g, solve.Options{Open: b.open, Layout: dir}, progress.None())
}

// layoutBytes gives the layout's own files and the names of its blobs.
func layoutBytes(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, name := range []string{"index.json", "oci-layout"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(b)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if hexOf(b) != e.Name() {
			t.Errorf("blob %s has the bytes of %s", e.Name(), hexOf(b))
		}
		got["blob "+e.Name()] = ""
	}
	return got
}

func twoPlatforms(t *testing.T) *builder {
	b := newBuilder(t)
	wheel := []byte(strings.Repeat("wheel ", 1<<20))
	b.store[hexOf(wheel)] = wheel
	p, err := pack.New([]pack.Member{{Name: "a.whl", SHA256: hexOf(wheel), Size: int64(len(wheel))}})
	if err != nil {
		t.Fatal(err)
	}
	sha, err := p.Digest(b.open)
	if err != nil {
		t.Fatal(err)
	}
	b.g.Content.Packs[sha] = p
	b.g.Content.Stored[hexOf(wheel)] = int64(len(wheel))
	one := b.run("layer one", nil, "write", "/out/one", "1")
	two := b.run("layer two", map[string]string{"/in": sha}, "copy", "/in", "/out/two")
	three := b.run("layer three", map[string]string{"/in": hexOf(wheel)}, "copy", "/in", "/out/three")
	return b.platform("linux/amd64", one, two, three).platform("linux/arm64", one, two)
}

func TestAnImageOfTwoPlatforms(t *testing.T) {
	c := buildkit.Client(t)
	b := twoPlatforms(t)
	dir := t.TempDir()
	first, err := b.solve(t.Context(), c, dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(mapKeys(first.Platforms)); !slices.Equal(got, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("platforms %v", got)
	}
	if first.Written == 0 {
		t.Error("nothing was written to an empty layout")
	}
	t.Run("again into the same layout", func(t *testing.T) {
		again, err := b.solve(t.Context(), c, dir)
		if err != nil {
			t.Fatal(err)
		}
		if again.Digest != first.Digest || again.Written != 0 {
			t.Errorf("digest %s (before: %s), %d bytes written, want none", again.Digest, first.Digest, again.Written)
		}
		for _, s := range again.Steps {
			if strings.HasPrefix(s.Name, "layer ") && !s.Cached {
				t.Errorf("step %s ran again", s.Name)
			}
		}
	})
	t.Run("into another layout", func(t *testing.T) {
		other := t.TempDir()
		if _, err := b.solve(t.Context(), c, other); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(layoutBytes(t, dir), layoutBytes(t, other)); d != "" {
			t.Error(d)
		}
	})
	t.Run("provenance is hermetic and complete", func(t *testing.T) { checkProvenance(t, first.Provenance) })
}

func checkProvenance(t *testing.T, provenance map[string][]byte) {
	t.Helper()
	if len(provenance) != 2 {
		t.Fatalf("provenance of %d platforms, want 2", len(provenance))
	}
	for platform, raw := range provenance {
		var p struct {
			BuildDefinition struct {
				ResolvedDependencies []json.RawMessage
			}
			RunDetails struct {
				Metadata struct {
					Hermetic     bool `json:"buildkit_hermetic"`
					Completeness struct {
						ResolvedDependencies bool
					} `json:"buildkit_completeness"`
				}
			}
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		if m := p.RunDetails.Metadata; !m.Hermetic || !m.Completeness.ResolvedDependencies {
			t.Errorf("%s: hermetic %v, complete %v", platform, m.Hermetic, m.Completeness.ResolvedDependencies)
		}
		if n := len(p.BuildDefinition.ResolvedDependencies); n < 2 {
			t.Errorf("%s: %d resolved dependencies", platform, n)
		}
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAFailingStepIsNamedWithItsOutput(t *testing.T) {
	c := buildkit.Client(t)
	b := newBuilder(t)
	b.platform("linux/amd64", b.run("layer that breaks", nil, "fail", "out of cheese"), b.run("layer fine", nil, "write", "/out/a", "a"))
	_, err := b.solve(t.Context(), c, t.TempDir())
	if !fault.Is(err, fault.Build) || !strings.Contains(err.Error(), "layer that breaks") || !strings.Contains(err.Error(), "out of cheese") {
		t.Errorf("got %v, want a build fault with the step and its output", err)
	}
}

func TestAStepSeesNoNetworkButItsOwnLoopback(t *testing.T) {
	c := buildkit.Client(t)
	name, content, err := solve.File(t.Context(), c, fileOf(newBuilder(t), "interfaces", "/out/names"), nil, progress.None())
	if err != nil || name != "names" || string(content) != "lo" {
		t.Errorf("%s: %q, %v; want lo alone", name, content, err)
	}
}

// fileOf is one step command as a graph.File.
func fileOf(b *builder, args ...string) *graph.File {
	b.t.Helper()
	return &graph.File{Step: "wheel of x", Definition: marshal(b.t, b.run("wheel of x", nil, args...)), Content: b.g.Content}
}

func TestAStepsFile(t *testing.T) {
	c := buildkit.Client(t)
	big := strings.Repeat("0123456789", 1_000) // more than one chunk needs more than the kernel takes as an argument
	for what, test := range map[string]struct {
		args []string
		want string
		kind fault.Kind
	}{
		"a file":      {args: []string{"write", "/out/a.whl", big}, want: big},
		"nothing":     {args: []string{"say", "hello"}, kind: fault.Build},
		"a directory": {args: []string{"write", "/out/dir/a.whl", "x"}, kind: fault.Build},
		"failure":     {args: []string{"fail", "no"}, kind: fault.Build},
	} {
		name, content, err := solve.File(t.Context(), c, fileOf(newBuilder(t), test.args...), nil, progress.None())
		if test.want == "" {
			if !fault.Is(err, test.kind) {
				t.Errorf("%s: got %v, want a build fault", what, err)
			}
			continue
		}
		if err != nil || name != "a.whl" || string(content) != test.want {
			t.Errorf("%s: %q with %d bytes, %v", what, name, len(content), err)
		}
	}
}

func TestABlobThatIsNotInTheStoreStopsTheBuild(t *testing.T) {
	c := buildkit.Client(t)
	b := newBuilder(t)
	missing := hexOf([]byte("missing"))
	b.platform("linux/amd64", b.run("copy", map[string]string{"/in": missing}, "copy", "/in", "/out/x"), b.run("other", nil, "write", "/out/b", "b"))
	if _, err := b.solve(t.Context(), c, t.TempDir()); !fault.Is(err, fault.Build) {
		t.Errorf("got %v, want a build fault", err)
	}
}

func TestABlobWithOtherBytesStopsTheBuild(t *testing.T) {
	c := buildkit.Client(t)
	b := newBuilder(t)
	sha := hexOf([]byte("right bytes"))
	b.store[sha] = []byte("wrong bytes")
	b.g.Content.Stored[sha] = int64(len("wrong bytes"))
	b.platform("linux/amd64", b.run("copy wrong", map[string]string{"/in": sha}, "copy", "/in", "/out/x"), b.run("other", nil, "write", "/out/c", "c"))
	if _, err := b.solve(t.Context(), c, t.TempDir()); !fault.Is(err, fault.Build) {
		t.Errorf("got %v, want a build fault", err)
	}
}

func TestCancelEndsTheBuild(t *testing.T) {
	c := buildkit.Client(t)
	b := newBuilder(t)
	b.platform("linux/amd64", b.run("sleep", nil, "sleep"), b.run("other", nil, "write", "/out/d", "d"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(2*time.Second, cancel)
	start := time.Now()
	_, err := b.solve(ctx, c, t.TempDir())
	if !fault.Is(err, fault.Cancelled) || time.Since(start) > 20*time.Second {
		t.Errorf("after %v: %v, want a cancelled fault", time.Since(start), err)
	}
}

func TestDialRefusesWhatIsNoAddress(t *testing.T) {
	for addr, want := range map[string]fault.Kind{
		"somewhere":               fault.Usage,
		"gopher://x":              fault.Usage,
		"unix:///nowhere/at/all":  fault.EngineDown,
		"tcp://127.0.0.1:1":       fault.EngineDown,
		"docker-container://none": fault.EngineDown,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := solve.Dial(ctx, solve.Target{Address: addr})
		cancel()
		if got := fault.KindOf(err); err == nil || got != want {
			t.Errorf("Dial(%s): %v, want %v", addr, err, want)
		}
	}
}
