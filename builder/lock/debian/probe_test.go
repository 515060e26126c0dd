package debian

import (
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/manifest"
)

func TestProbe(t *testing.T) {
	m := newMirror(t)
	published := time.Date(2026, 11, 20, 0, 12, 42, 0, time.UTC)
	for _, a := range []ArchiveName{Main, Security} {
		m.files["dists/"+a.dir("trixie")+"/InRelease"] = signAt(t, m.key, published, releaseText("trixie", a, " "+sample+" 1 main/x\n", nil))
	}
	mirrors, err := FindMirrors(&manifest.Debian{Mirrors: []string{m.url}, SecurityMirrors: []string{m.url}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	none, err := index.NoIndexes(index.Env{})
	if err != nil {
		t.Fatal(err)
	}
	client := index.NewClient(none, index.Options{Retries: -1})
	defer client.Close()
	request := Request{Suite: "trixie", Mirrors: mirrors, Getter: client, Now: now,
		keys: func(string, ArchiveName) (openpgp.EntityList, error) { return openpgp.EntityList{m.key}, nil }}

	for _, a := range Probe(t.Context(), request) {
		switch {
		case a.Archive == Updates: // the mirror does not have it
			if !fault.Is(a.Err, fault.Network) || !a.Claimed.IsZero() {
				t.Errorf("%s: claimed %v, %v", a.Archive, a.Claimed, a.Err)
			}
		case a.Err != nil || !a.Claimed.Equal(published):
			t.Errorf("%s: claimed %v, %v", a.Archive, a.Claimed, a.Err)
		}
	}

	request.keys = nil // the pinned keys signed none of this
	for _, a := range Probe(t.Context(), request) {
		if a.Archive == Updates {
			continue
		}
		if !fault.Is(a.Err, fault.Signature) || !a.Claimed.Equal(published) {
			t.Errorf("with a foreign key, %s: claimed %v, %v", a.Archive, a.Claimed, a.Err)
		}
	}
}

// sample is a hash of something.
const sample = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
