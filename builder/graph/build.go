package graph

import (
	"cmp"
	"context"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client/llb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/layers"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/executor/contract"
)

// Build makes the graph of every platform of the lock. It reads each locked
// file once: one whose bytes are not the lock's is fault.Integrity. A platform
// that cannot be built where the steps run is fault.Build.
func Build(m *manifest.Manifest, l *lock.Lock, in Inputs) (*Graph, error) {
	b, err := newBuilder(m, l, in)
	if err != nil {
		return nil, err
	}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	g := &Graph{Compression: l.Layers.Compression, Epoch: b.epoch.Unix(), Content: b.content}
	for _, p := range b.platforms {
		built, image, err := b.platform(p)
		if err != nil {
			return nil, err
		}
		g.Platforms = append(g.Platforms, built)
		g.images = append(g.images, image)
	}
	return g, nil
}

// builder collects the graph of one image.
type builder struct {
	m         *manifest.Manifest
	lock      *lock.Lock
	in        Inputs
	epoch     time.Time
	content   Content
	program   string           // hash of the unpack program of the build host
	platforms []*lock.Platform // sorted
	target    ocispec.Platform // where the steps run
	bases     map[string]*base
	layers    map[string][]layers.Layer
	packs     map[string]string // key of a member list to the pack's hash
}

func newBuilder(m *manifest.Manifest, l *lock.Lock, in Inputs) (*builder, error) {
	// Midnight UTC of the day of the resolution: the only date that is the same
	// for everyone who builds this lock.
	epoch, err := time.Parse(time.DateOnly, l.Resolved)
	if err != nil {
		return nil, fault.Wrap(fault.LockDrift, err, "reading the lock's date")
	}
	os, arch, ok := strings.Cut(in.BuildPlatform, "/")
	if !ok {
		return nil, fault.New(fault.Internal, "build platform %q", in.BuildPlatform)
	}
	program, err := in.Unpack(arch)
	if err != nil {
		return nil, err
	}
	b := &builder{
		m: m, lock: l, in: in, epoch: epoch, content: newContent(),
		target: ocispec.Platform{OS: os, Architecture: arch},
		bases:  map[string]*base{}, layers: map[string][]layers.Layer{}, packs: map[string]string{},
	}
	if b.program, err = b.content.program(program); err != nil {
		return nil, err
	}
	b.platforms = slices.Clone(l.Platforms)
	slices.SortFunc(b.platforms, func(x, y *lock.Platform) int { return cmp.Compare(x.Platform, y.Platform) })
	return b, nil
}

// prepare assigns wheels to layers and makes the packs of all platforms, as
// many at once as there are cores: hashing is all the time that Build takes.
func (b *builder) prepare() error {
	requests := map[string][]pack.Member{}
	for _, p := range b.platforms {
		assigned, err := layers.Assign(p.Wheels, b.lock.Layers)
		if err != nil {
			return err
		}
		b.layers[p.Platform] = assigned
		for _, l := range assigned {
			members := wheelMembers(l.Wheels)
			requests[packKey(members)] = members
		}
		if len(p.Debs) > 0 {
			members := debMembers(p.Debs)
			requests[packKey(members)] = members
		}
	}
	keys := sortedKeys(requests)
	hashes := make([]string, len(keys))
	packs := make([]*pack.Pack, len(keys))
	group, _ := errgroup.WithContext(context.Background())
	group.SetLimit(runtime.NumCPU())
	for i, key := range keys {
		group.Go(func() (err error) {
			if packs[i], err = pack.New(requests[key]); err != nil {
				return err
			}
			hashes[i], err = packs[i].Digest(b.in.Open)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, key := range keys {
		b.packs[key] = hashes[i]
		b.content.Packs[hashes[i]] = packs[i]
	}
	return nil
}

// packKey identifies a member list.
func packKey(members []pack.Member) string {
	var keys []string
	for _, m := range members {
		keys = append(keys, m.Name+"\x00"+m.SHA256)
	}
	slices.Sort(keys)
	return strings.Join(keys, "\x00")
}

func wheelMembers(wheels []lock.Wheel) []pack.Member {
	var members []pack.Member
	for _, w := range wheels {
		members = append(members, pack.Member{Name: w.File, SHA256: w.SHA256, Size: w.Size})
	}
	return members
}

// platform makes one platform's definition, configuration and layer list.
func (b *builder) platform(p *lock.Platform) (*Platform, *image, error) {
	a := &assembly{builder: b, p: p, stores: map[string]storeLocation{}}
	for _, part := range []func() error{a.addBase, a.addWheels, a.addVenvs, a.addConfig, a.addRuntime} {
		if err := part(); err != nil {
			return nil, nil, err
		}
	}
	if len(a.layers) > b.lock.Layers.Budget {
		err := fault.New(fault.Manifest, "%s: %d layers, the budget is %d", p.Platform, len(a.layers), b.lock.Layers.Budget)
		if n := len(p.Base.Layers); n > 1 {
			return nil, nil, err.Hint("%d of them are the base's: raise layers.budget to %d, or set base.flatten, and lock again", n, len(a.layers))
		}
		return nil, nil, err.Hint("raise layers.budget to %d and lock again", len(a.layers))
	}
	root := llb.Merge(a.states, llb.WithCustomName(inputPrefix+"merge of "+p.Platform))
	definition, err := b.marshal(root)
	if err != nil {
		return nil, nil, err
	}
	config, err := a.imageConfig()
	if err != nil {
		return nil, nil, err
	}
	built := &Platform{Platform: p.Platform, Definition: definition, Config: config, Layers: a.layers}
	shared := llb.Merge(a.shared, llb.WithCustomName(inputPrefix+"merge of what venvs share, "+p.Platform))
	return built, &image{assembly: a, shared: shared}, nil
}

func (b *builder) marshal(s llb.State) ([]byte, error) { return marshal(s, b.target) }

func marshal(s llb.State, target ocispec.Platform) ([]byte, error) {
	def, err := s.Marshal(context.Background(), llb.Platform(target))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing LLB")
	}
	// MarshalVT, BuildKit's own way, writes maps in random order.
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(def.ToPB())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing LLB")
	}
	return raw, nil
}

// assembly collects the layers of one platform, bottom to top.
type assembly struct {
	*builder
	p      *lock.Platform
	states []llb.State
	layers []Layer
	shared []llb.State              // the layers that hold no wheels
	stores map[string]storeLocation // by wheel file
}

// storeLocation is where a wheel's store directory is: a path, in the layer as
// in the image.
type storeLocation struct {
	layer llb.State
	path  string
}

func (a *assembly) add(s llb.State, l Layer) {
	a.shared = append(a.shared, s)
	a.addLayer(s, l)
}

// addStores adds a layer of store directories.
func (a *assembly) addStores(s llb.State, l Layer, wheels []lock.Wheel) {
	for _, w := range wheels {
		a.stores[w.File] = storeLocation{s, path.Join(contract.StorePath, w.StoreKey())}
	}
	a.addLayer(s, l)
}

func (a *assembly) addLayer(s llb.State, l Layer) {
	a.states = append(a.states, s)
	a.layers = append(a.layers, l)
}
