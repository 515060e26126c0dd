package image_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestSkopeoReadsWhatIsWritten copies every form of an image with a client
// that shares no code with this package.
func TestSkopeoReadsWhatIsWritten(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		testenv.Missing(t, "no skopeo on this machine")
	}
	ctx := context.Background()
	dir := t.TempDir()
	img := composed(t)
	p, err := img.Platform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	for from, write := range map[string]func() error{
		"oci:" + dir + "/layout:v1":          func() error { return image.WriteLayout(ctx, dir+"/layout", img, "v1") },
		"oci-archive:" + dir + "/oci.tar:v1": func() error { return image.WriteTar(ctx, dir+"/oci.tar", img, "v1") },
		"docker-archive:" + dir + "/docker.tar": func() error {
			return image.WriteDocker(ctx, dir+"/docker.tar", p, "app:v1")
		},
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		to := "dir:" + filepath.Join(t.TempDir(), "copy")
		cmd := exec.Command(skopeo, "--insecure-policy", "--override-os", "linux", "--override-arch", "amd64", "copy", from, to)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", from, err, out)
		}
	}
}
