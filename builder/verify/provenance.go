package verify

import (
	"encoding/json"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
)

// origin is what the provenance says the image was made from.
type origin struct {
	manifest *manifest.Manifest
	lock     *lock.Lock
	tool     string // version of lockforge
	name     string // of the image
}

// readOrigin takes manifest and lock out of the provenance and checks that
// they belong together: digests against contents, the lock against the
// manifest, and every lock entry against the resolved dependencies.
func readOrigin(c *attest.Checked) (*origin, error) {
	found := c.Find(attest.TypeProvenance)
	if len(found) != 1 {
		return nil, fault.New(fault.Signature, "reading provenance: %d signed statements, want one", len(found))
	}
	var p attest.Provenance
	if err := json.Unmarshal(found[0].Predicate, &p); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading provenance")
	}
	if p.BuildDefinition.BuildType != attest.BuildType || p.RunDetails.Builder.ID != attest.BuilderID {
		return nil, fault.New(fault.Integrity, "reading provenance: build type %q by %q", p.BuildDefinition.BuildType, p.RunDetails.Builder.ID)
	}
	if !p.BuildDefinition.InternalParameters.BuildKit.Hermetic {
		return nil, fault.New(fault.Integrity, "reading provenance: the build was not hermetic")
	}
	o := &origin{manifest: &manifest.Manifest{}, tool: p.RunDetails.Builder.Version["lockforge"], name: found[0].Subjects[0].Name}
	external := p.BuildDefinition.ExternalParameters
	var err error
	if o.lock, err = lock.Parse([]byte(external.Lock.Content)); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the lock in the provenance")
	}
	if err := json.Unmarshal([]byte(external.Manifest.Content), o.manifest); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the manifest in the provenance")
	}
	return o, o.check(&p)
}

func (o *origin) check(p *attest.Provenance) error {
	external := p.BuildDefinition.ExternalParameters
	source, err := attest.LockSource(o.lock)
	if err != nil {
		return err
	}
	if source.Digest != external.Lock.Digest {
		return fault.New(fault.Integrity, "checking provenance: the lock is %s, not %s", source.Digest, external.Lock.Digest)
	}
	if o.manifest.Digest() != external.Manifest.Digest || o.lock.Manifest != external.Manifest.Digest {
		return fault.New(fault.Integrity, "checking provenance: manifest %s, named %s, and %s in the lock",
			o.manifest.Digest(), external.Manifest.Digest, o.lock.Manifest)
	}
	used := map[attest.Material]bool{}
	for _, m := range p.Dependencies() {
		used[m] = true
	}
	for _, m := range attest.Materials(o.lock) {
		if !used[m] {
			return fault.New(fault.Integrity, "checking provenance: lock entry %s (%s) is no resolved dependency", m.Name, m.SHA256)
		}
	}
	return nil
}
