package attest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

// signedLayout is a fresh image with every statement signed.
func signedLayout(t *testing.T, private string) string {
	t.Helper()
	dir := writeLayout(t)
	target := open(t, "oci:"+dir)
	if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
		t.Fatal(err)
	}
	return dir
}

// carrier is a manifest of signatures or attestations in a layout.
type carrier struct {
	SchemaVersion int              `json:"schemaVersion"`
	MediaType     string           `json:"mediaType"`
	ArtifactType  string           `json:"artifactType"`
	Config        map[string]any   `json:"config"`
	Layers        []map[string]any `json:"layers"`
	Subject       map[string]any   `json:"subject,omitempty"`
}

// editCarrier changes the manifest of one kind and puts it back, with every
// digest that leads to it made right again, as an attacker would.
func editCarrier(t *testing.T, dir, kind string, change func(*carrier)) {
	t.Helper()
	index := readIndex(t, dir)
	for _, d := range index.Manifests {
		annotations, _ := d["annotations"].(map[string]any)
		if annotations["kind"] != "dev.cosignproject.cosign/"+kind {
			continue
		}
		var c carrier
		readJSON(t, blobPath(dir, d["digest"].(string)), &c)
		change(&c)
		d["digest"], d["size"] = putJSON(t, dir, c)
	}
	text, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func putJSON(t *testing.T, dir string, v any) (string, int) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return put(t, dir, text), len(text)
}

func layerBytes(t *testing.T, dir string, layer map[string]any) []byte {
	t.Helper()
	text, err := os.ReadFile(blobPath(dir, layer["digest"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// transplant copies one kind of signatures from another image into dir.
func transplant(t *testing.T, dir, from, kind string) {
	t.Helper()
	var theirs carrier
	for _, d := range readIndex(t, from).Manifests {
		if annotations, _ := d["annotations"].(map[string]any); annotations["kind"] == "dev.cosignproject.cosign/"+kind {
			readJSON(t, blobPath(from, d["digest"].(string)), &theirs)
		}
	}
	for _, layer := range theirs.Layers {
		put(t, dir, layerBytes(t, from, layer))
	}
	editCarrier(t, dir, kind, func(c *carrier) { c.Layers = theirs.Layers })
}

func TestCheckRefusesBadSignatures(t *testing.T) {
	private, public := keyPair(t)
	_, otherPublic := otherPair(t)
	tests := map[string]struct {
		key   string
		spoil func(t *testing.T, dir string)
	}{
		"wrong key": {key: otherPublic},
		"no signature": {spoil: func(t *testing.T, dir string) {
			editCarrier(t, dir, "sigs", func(c *carrier) { c.Layers = nil })
		}},
		"tampered signature": {spoil: func(t *testing.T, dir string) {
			editCarrier(t, dir, "sigs", func(c *carrier) {
				annotations := c.Layers[0]["annotations"].(map[string]any)
				sig := annotations["dev.cosignproject.cosign/signature"].(string)
				annotations["dev.cosignproject.cosign/signature"] = "AAAA" + sig[4:]
			})
		}},
		"tampered payload": {spoil: func(t *testing.T, dir string) {
			editCarrier(t, dir, "sigs", func(c *carrier) {
				text := strings.Replace(string(layerBytes(t, dir, c.Layers[0])), "team/locked", "team/lacked", 1)
				c.Layers[0]["digest"] = put(t, dir, []byte(text))
			})
		}},
		"damaged blob": {spoil: func(t *testing.T, dir string) {
			editCarrier(t, dir, "sigs", func(c *carrier) {
				path := blobPath(dir, c.Layers[0]["digest"].(string))
				text := layerBytes(t, dir, c.Layers[0])
				text[0] ^= 1
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}},
		"replayed signature": {spoil: func(t *testing.T, dir string) { transplant(t, dir, signedLayout(t, private), "sigs") }},
		"swapped subject":    {spoil: func(t *testing.T, dir string) { transplant(t, dir, signedLayout(t, private), "atts") }},
		"size above the limit": {spoil: func(t *testing.T, dir string) {
			editCarrier(t, dir, "atts", func(c *carrier) { c.Layers[0]["size"] = 1 << 30 })
		}},
		"more records than allowed": {spoil: func(t *testing.T, dir string) {
			editCarrier(t, dir, "atts", func(c *carrier) {
				for i := range attest.MaxRecords + 1 {
					text := []byte("{}" + strings.Repeat(" ", i))
					c.Layers = append(c.Layers, map[string]any{
						"mediaType": c.Layers[0]["mediaType"], "digest": put(t, dir, text), "size": len(text),
					})
				}
			})
		}},
		"two statements of one kind": {spoil: func(t *testing.T, dir string) {
			twice := writeLayout(t)
			copyDir(t, dir, twice)
			target := open(t, "oci:"+twice)
			changed := build(target.Digest())
			changed.Tool = "other"
			all, err := attest.Make(changed)
			if err != nil {
				t.Fatal(err)
			}
			if err := attest.Attach(t.Context(), target, signer(t, private), all); err != nil {
				t.Fatal(err)
			}
			var more []map[string]any
			editCarrier(t, twice, "atts", func(c *carrier) { more = c.Layers })
			for _, layer := range more {
				put(t, dir, layerBytes(t, twice, layer))
			}
			editCarrier(t, dir, "atts", func(c *carrier) { c.Layers = append(c.Layers, more...) })
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := signedLayout(t, private)
			key := public
			if tt.key != "" {
				key = tt.key
			}
			if _, err := attest.Check(t.Context(), open(t, "oci:"+dir), trust(t, public)); err != nil {
				t.Fatalf("before it was spoiled: %v", err)
			}
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			if _, err := attest.Check(t.Context(), open(t, "oci:"+dir), trust(t, key)); !fault.Is(err, fault.Signature) {
				t.Errorf("error = %v, want a signature fault", err)
			}
		})
	}
}

// A tampered statement is nobody's: it is left out, and the image's own
// signature still holds.
func TestTamperedStatementIsLeftOut(t *testing.T) {
	private, public := keyPair(t)
	dir := signedLayout(t, private)
	editCarrier(t, dir, "atts", func(c *carrier) {
		var e map[string]any
		readJSON(t, blobPath(dir, c.Layers[1]["digest"].(string)), &e)
		payload := e["payload"].(string)
		e["payload"] = payload[:40] + "QUJD" + payload[44:]
		c.Layers[1]["digest"], c.Layers[1]["size"] = putJSON(t, dir, e)
	})
	checked, err := attest.Check(t.Context(), open(t, "oci:"+dir), trust(t, public))
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Find(attest.TypeSPDX)) != 0 || len(checked.Statements) != 4 || checked.Foreign != 1 {
		t.Errorf("statements %v, foreign %d", typesOf(checked.Statements), checked.Foreign)
	}
}

func TestTrustNeedsSomebody(t *testing.T) {
	private, public := keyPair(t)
	tests := map[string]attest.TrustOptions{
		"nobody":                  {},
		"key and identity":        {Key: public, Identity: "dev@mirror.example", Issuer: "https://issuer.example"},
		"identity without issuer": {Identity: "dev@mirror.example", TrustedRoot: public},
		"issuer without identity": {Issuer: "https://issuer.example", TrustedRoot: public},
		"identity without root":   {Identity: "dev@mirror.example", Issuer: "https://issuer.example"},
		"private key":             {Key: private},
		"missing key":             {Key: public + ".missing"},
		"root that is none":       {Identity: "dev@mirror.example", Issuer: "https://issuer.example", TrustedRoot: public},
	}
	for name, options := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := attest.NewTrust(t.Context(), options); !fault.Is(err, fault.Usage) {
				t.Errorf("error = %v, want usage", err)
			}
		})
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
