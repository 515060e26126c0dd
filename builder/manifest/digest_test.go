package manifest_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/manifest"
)

func digest(t *testing.T, text string) string {
	t.Helper()
	m, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	return m.Digest()
}

// Locks hold the digest of their manifest: a change of how it is made would
// declare every lock stale. Change this value only together with the format.
func TestDigestIsStable(t *testing.T) {
	const want = "sha256:92efef3befd89164b665eb71947a1f1527fcb1fbe5c6c3801b78b14f3d7cdb68"
	if got := digest(t, full); got != want {
		t.Errorf("digest = %s, want %s", got, want)
	}
}

func TestDigestIgnoresWhatDoesNotDetermineTheImage(t *testing.T) {
	want := digest(t, full)
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(want) {
		t.Fatalf("digest = %q", want)
	}
	for _, change := range [][2]string{
		{"version: 1\n", "# a comment\nversion: 1\n"},
		{"https://user:secret@mirror.example/simple", "https://else.example/simple"},
		{"https://second.example/simple", "https://third.example/simple"},
		{"https://pkgs.example/simple", "https://private.example/simple"},
		{"http://os.example/debian", "http://other.example/debian"},
		{"wheels/acme_crm", "elsewhere/acme_crm"},
		{"[linux/arm64, linux/amd64]", "[linux/amd64, linux/arm64]"},
		{"plugins: [file, demo-data]", "plugins: [demo-data, file]"},
		{"v1.7.0.17", "1.7.0.17"},
	} {
		changed := strings.Replace(full, change[0], change[1], 1)
		if changed == full {
			t.Fatalf("%q is not in the manifest", change[0])
		}
		if got := digest(t, changed); got != want {
			t.Errorf("changing %q to %q changes the digest", change[0], change[1])
		}
	}
}

func TestDigestFollowsWhatDeterminesTheImage(t *testing.T) {
	seen := map[string]string{digest(t, full): "nothing"}
	for _, change := range [][2]string{
		{"my-image", "other-image"},
		{"1.7.0.17", "1.7.0.18"},
		{"slim: true", "slim: false"},
		{", constraints: constraints.txt", ""},
		{"  - mysql\n", "  - mysql\n  - kafka\n"},
		{"[MSSQL_odbc]", "[]"},
		{"common:", "shared:"},
		{"primary: file", "primary: demo-data"},
		{"acme-datahub-source==2.1", "acme-datahub-source==2.2"},
		{"crm:CrmSource", "crm:OtherSource"},
		{"cooldown: 7d", "cooldown: 8d"},
		{"sha256: " + digest64, "sha256: b" + digest64[1:]},
		{"distutils-precedence.pth", "other.pth"},
		{"lookml clones", "another reason"},
		{"bookworm", "trixie"},
		{"executor: false", "executor: true"},
		{"user: 1001", "user: 1002"},
		{"/srv/venvs", "/srv/other"},
		{"budget: 30", "budget: 31"},
		{"gzip", "zstd"},
		{"[linux/arm64, linux/amd64]", "[linux/amd64]"},
	} {
		changed := strings.Replace(full, change[0], change[1], 1)
		got := digest(t, changed)
		if other, dup := seen[got]; dup {
			t.Errorf("changing %q to %q gives the digest of changing %s", change[0], change[1], other)
		}
		seen[got] = change[0]
	}
}

func TestDigestOfABaseIsItsDigest(t *testing.T) {
	head := "version: 1\ncli: {version: \"1.0\"}\nplugins: [mysql]\n"
	image := digest(t, head+"base: {image: \"reg.example/a@sha256:"+digest64+"\"}\n")
	if image != digest(t, head+"base: {image: \"other.example/b@sha256:"+digest64+"\"}\n") {
		t.Error("the registry of a base image changes the digest")
	}
	if image == digest(t, head+"base: {image: \"reg.example/a@sha256:b"+digest64[1:]+"\"}\n") {
		t.Error("another base image has the same digest")
	}
	if image == digest(t, head+"base: {layout: \"dir@sha256:"+digest64+"\"}\n") {
		t.Error("an image and a layout have the same digest")
	}
	var m manifest.Manifest
	if m.Digest() == "" {
		t.Error("an empty manifest has no digest")
	}
}
