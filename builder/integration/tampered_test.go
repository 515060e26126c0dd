package integration_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/image"
)

// Exit codes of verify.
const (
	wrongContent   = 31
	wrongSignature = 32
)

// tampered has verify look at what attackers leave.
func (q quickstart) tampered(t *testing.T) {
	stranger := newWorkplace(t, q.cache, nil)
	stranger.must(t, "keygen")
	for name, attack := range map[string]struct {
		change func(l layout)
		key    string
		code   int
	}{
		"nothing":          {func(layout) {}, q.path("cosign.pub"), 0},
		"wrong key":        {func(layout) {}, stranger.path("cosign.pub"), wrongSignature},
		"layer":            {changeLayer, q.path("cosign.pub"), wrongContent},
		"no signature":     {dropSignature, q.path("cosign.pub"), wrongSignature},
		"edited SBOM":      {editSBOM, q.path("cosign.pub"), wrongSignature},
		"swapped subject":  {swapSubject, q.path("cosign.pub"), wrongSignature},
		"edited signature": {editSignature, q.path("cosign.pub"), wrongSignature},
		"no attestations":  {dropAttestations, q.path("cosign.pub"), wrongSignature},
	} {
		t.Run(name, func(t *testing.T) {
			l := copyLayout(t, q.path("image"))
			attack.change(l)
			q.exits(t, attack.code, "verify", "oci:"+l.dir, "--key", attack.key)
		})
	}
}

// changeLayer flips one bit in the middle of a layer.
func changeLayer(l layout) {
	index := l.index()
	platforms := decode[manifest](l.t, l.blob(l.entry(index, "/imageIndex").Digest))
	layers := decode[manifest](l.t, l.blob(platforms.Manifests[0].Digest)).Layers
	layer := layers[len(layers)/2]
	content := []byte(l.blob(layer.Digest))
	content[len(content)/2] ^= 1
	l.replace(blobName(layer.Digest), string(content))
}

func dropSignature(l layout)    { l.drop("/sigs") }
func dropAttestations(l layout) { l.drop("/atts") }

// drop takes the entries of that kind out of index.json.
func (l layout) drop(kind string) {
	index := l.index()
	l.entry(index, kind) // has to be there
	var kept []image.Descriptor
	for _, d := range index.Manifests {
		if !strings.HasSuffix(d.Annotations["kind"], kind) {
			kept = append(kept, d)
		}
	}
	index.Manifests = kept
	l.setIndex(index)
}

// editSignature makes the signature one of other bytes.
func editSignature(l layout) {
	l.editRecords("/sigs", func(m *manifest) bool {
		const name = "dev.cosignproject.cosign/signature"
		signature := m.Layers[0].Annotations[name]
		m.Layers[0].Annotations[name] = strings.Replace(signature, signature[10:14], "AAAA", 1)
		return signature != ""
	})
}

// editSBOM takes a package out of the attested SPDX document, and leaves its
// signature as it is.
func editSBOM(l layout) {
	l.editRecords("/atts", func(m *manifest) bool {
		edited := false
		for i := range m.Layers {
			envelope := decode[map[string]any](l.t, l.blob(m.Layers[i].Digest))
			payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
			if err != nil {
				l.t.Fatal(err)
			}
			changed := strings.ReplaceAll(string(payload), "linear-tsv", "harmless")
			if !strings.Contains(changed, "spdxVersion") || changed == string(payload) {
				continue
			}
			envelope["payload"] = base64.StdEncoding.EncodeToString([]byte(changed))
			l.put(&m.Layers[i], encode(l.t, envelope))
			edited = true
		}
		return edited
	})
}

// editRecords changes the manifest that carries signatures or attestations,
// and all that points to it.
func (l layout) editRecords(kind string, change func(m *manifest) bool) {
	index := l.index()
	entry := l.entry(index, kind)
	records := decode[manifest](l.t, l.blob(entry.Digest))
	if !change(&records) {
		l.t.Fatalf("there is nothing to change in %s", kind)
	}
	l.put(entry, encode(l.t, records))
	l.setIndex(index)
}

// swapSubject puts another image under the records of the signed one: the same
// platforms in an index with other bytes.
func swapSubject(l layout) {
	index := l.index()
	entry := l.entry(index, "/imageIndex")
	other := decode[manifest](l.t, l.blob(entry.Digest))
	other.Annotations = map[string]string{"x.example": "swapped"}
	l.put(entry, encode(l.t, other))
	l.setIndex(index)
}
