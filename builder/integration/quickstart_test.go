package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/internal/testenv"
)

// quickstart is the shipped manifest, locked, built, signed and handed out to
// a layout, a tar and a registry.
type quickstart struct {
	workplace
	digest   string
	registry string // address
}

// reference is the image in the registry.
func (q quickstart) reference() string { return q.registry + "/team/quickstart:1" }

// built is what `build --format json` says, as far as it is looked at.
type buildAnswer struct {
	Digest    string
	Reference string
	Cached    bool
}

// TestQuickstart builds the quickstart once and asks everything of it.
func TestQuickstart(t *testing.T) {
	require(t)
	q := quickstart{workplace: newWorkplace(t, sharedCache, map[string]string{"m.yaml": readFile(t, root+"/manifests/quickstart.yaml")})}
	q.registry = testenv.Registry(t)
	q.must(t, "keygen")
	if out := q.must(t, "lock", "m.yaml"); !strings.Contains(out, "wrote m.yaml.lock: ") {
		t.Errorf("lock does not say what it wrote:\n%s", out)
	}
	answer := decode[buildAnswer](t, q.must(t, "build", "m.yaml", "--format", "json", "-o", "oci:image", "-o", "tar:image.tar",
		"-t", q.reference(), "--push", "--allow-http-registry", "--sign", "--key", "cosign.key", "--metadata-file", "metadata.json"))
	q.digest = answer.Digest
	if answer.Cached || !strings.HasSuffix(answer.Reference, "@"+answer.Digest) {
		t.Errorf("build answers %+v", answer)
	}

	t.Run("lock again", q.lockAgain)
	t.Run("outputs agree", q.outputsAgree)
	t.Run("verify", q.verify)
	t.Run("cosign", q.cosign)
	t.Run("probes", q.probes)
	t.Run("probes elsewhere", q.probesElsewhere)
	t.Run("sbom", q.sbom)
	t.Run("syft", q.syft)
	t.Run("inside", q.inside)
	t.Run("tampered", q.tampered)
	t.Run("warm", q.warm)
	t.Run("elsewhere", q.elsewhere)
}

func (q quickstart) lockAgain(t *testing.T) {
	before := readFile(t, q.path("m.yaml.lock"))
	if out := q.must(t, "lock", "m.yaml"); !strings.Contains(out, "up to date") {
		t.Errorf("locking again says:\n%s", out)
	}
	if after := readFile(t, q.path("m.yaml.lock")); after != before {
		t.Error("locking again changed the lock")
	}
	q.must(t, "lock", "m.yaml", "--check")
	q.write(t, "other.yaml", strings.Replace(readFile(t, q.path("m.yaml")), "mysql, postgres", "mysql, mssql", 1))
	q.exits(t, 12, "lock", "other.yaml", "--check", "--lock", "m.yaml.lock")
	edited := strings.Replace(before, "sha256: ", "sha256: 0", 1)
	q.write(t, "edited.lock", edited)
	q.exits(t, 12, "build", "m.yaml", "--lock", "edited.lock", "-o", "oci:never")
	q.exits(t, 11, "build", "m.yaml", "--lock", "absent.lock", "-o", "oci:never")
}

// outputsAgree has skopeo read the image wherever it went.
func (q quickstart) outputsAgree(t *testing.T) {
	for _, from := range []string{"oci:" + q.path("image") + ":1", "oci-archive:" + q.path("image.tar") + ":1", "docker://" + q.reference()} {
		raw := client(t, "skopeo", "inspect", "--tls-verify=false", "--raw", from)
		if got := digestOf(raw); got != q.digest {
			t.Errorf("%s has the digest %s, want %s", from, got, q.digest)
		}
		client(t, "skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", from, "dir:"+filepath.Join(t.TempDir(), "copy"))
	}
}

// report is what `verify --format json` prints, as far as it is looked at.
type report struct {
	Digest   string
	Verified bool
	Checks   []struct{ Check, Status string }
}

func (q quickstart) verify(t *testing.T) {
	for _, ref := range []string{"oci:image", q.reference()} {
		r := decode[report](t, q.with(offline...).must(t, "verify", ref, "--key", "cosign.pub", "--allow-http-registry", "--format", "json"))
		if !r.Verified || r.Digest != q.digest || len(r.Checks) < 5 {
			t.Errorf("verify %s says %+v", ref, r)
		}
		for _, c := range r.Checks {
			if c.Status != "ok" {
				t.Errorf("verify %s: %s is %s", ref, c.Check, c.Status)
			}
		}
	}
}

// cosign has the stock client check, offline, what build attached.
func (q quickstart) cosign(t *testing.T) {
	stock := testenv.StockCosign(t)
	key := q.path("cosign.pub")
	stock.MustRun("verify", "--key", key, "--offline", "--insecure-ignore-tlog", "--allow-http-registry", q.reference())
	stock.MustRun("verify", "--key", key, "--offline", "--insecure-ignore-tlog", "--local-image", q.path("image"))
	for _, kind := range []string{attest.TypeProvenance, attest.TypeSPDX, attest.TypeCycloneDX, attest.TypeTestResult, attest.TypeVSA} {
		stock.MustRun("verify-attestation", "--key", key, "--type", kind, "--offline", "--insecure-ignore-tlog", "--allow-http-registry", q.reference())
	}
	other := newWorkplace(t, q.cache, nil)
	other.must(t, "keygen")
	if out, err := stock.Run("verify", "--key", other.path("cosign.pub"), "--offline", "--insecure-ignore-tlog", "--allow-http-registry", q.reference()); err == nil {
		t.Errorf("cosign accepts another key:\n%s", out)
	}
}

// sbom compares the attested documents with those made from the bytes.
func (q quickstart) sbom(t *testing.T) {
	for form, want := range map[string]string{"spdx": `"spdxVersion"`, "cyclonedx": `"bomFormat"`} {
		attested := q.must(t, "sbom", "oci:image", "--key", "cosign.pub", "--as", form)
		computed := q.must(t, "sbom", "oci:image", "--as", form)
		for _, document := range []string{attested, computed} {
			decode[map[string]any](t, document)
			for _, text := range []string{want, "snowflake-connector-python", "linear-tsv", "libc6", "mysql-bundled"} {
				if !strings.Contains(document, text) {
					t.Errorf("the %s document has no %s", form, text)
				}
			}
		}
	}
}

// syft has an independent scanner list the image's packages. The comparison is
// a test of its own, since it would make this test program carry syft.
func (q quickstart) syft(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), tool(t, "go"), "test", "-count=1", "./builder/sbom/syftcheck")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "LOCKFORGE_LAYOUT="+q.path("image"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// warm builds again with every index, mirror and engine out of reach.
func (q quickstart) warm(t *testing.T) {
	answer := decode[buildAnswer](t, q.with(offline...).must(t, "build", "m.yaml", "--format", "json", "-o", "oci:warm"))
	if answer.Digest != q.digest || !answer.Cached {
		t.Errorf("the warm build answers %+v, want the digest %s from the cache", answer, q.digest)
	}
}

// elsewhere builds from the same lock in another directory with a new cache
// and a new engine, which shares only the locked files. The wheels that the
// first cache built from source archives have to be built again.
func (q quickstart) elsewhere(t *testing.T) {
	there := newWorkplace(t, t.TempDir(), map[string]string{"m.yaml": readFile(t, q.path("m.yaml")), "m.yaml.lock": readFile(t, q.path("m.yaml.lock"))})
	l, err := lock.Read(q.path("m.yaml.lock"))
	if err != nil {
		t.Fatal(err)
	}
	shared := 0
	for _, f := range l.Files() {
		link(t, filepath.Join(q.cache, "blobs/sha256", f.SHA256), filepath.Join(there.cache, "blobs/sha256", f.SHA256))
		shared++
	}
	rebuilt := 0
	for _, w := range l.Platforms[0].Wheels {
		if w.Index == lock.BuiltIndex {
			rebuilt++
			if _, err := os.Stat(filepath.Join(there.cache, "blobs/sha256", w.SHA256)); err == nil {
				t.Errorf("%s is in the new store already", w.File)
			}
		}
	}
	if shared == 0 || rebuilt == 0 {
		t.Fatalf("%d files are shared, %d wheels have to be built again", shared, rebuilt)
	}
	there = there.with(append(offline[1:len(offline):len(offline)], "PATH="+os.Getenv("PATH"))...)
	answer := decode[buildAnswer](t, there.must(t, "build", "m.yaml", "--format", "json", "-o", "oci:image"))
	if answer.Digest != q.digest || answer.Cached {
		t.Errorf("the other build answers %+v, want the digest %s", answer, q.digest)
	}
}
