package builder

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// Output is one place that an image goes to.
type Output struct {
	Kind string // "oci" (a layout directory), "tar" (an OCI archive) or "docker" (a docker archive)
	Path string
}

// ParseOutput reads "oci:DIR", "tar:FILE" or "docker:FILE".
func ParseOutput(s string) (Output, error) {
	kind, path, ok := strings.Cut(s, ":")
	if !ok || path == "" || kind != "oci" && kind != "tar" && kind != "docker" {
		return Output{}, fault.New(fault.Usage, "output %q is not understood", s).
			Hint("use oci:DIR, tar:FILE or docker:FILE")
	}
	return Output{kind, filepath.Clean(path)}, nil
}

// deliver hands the image out: files first, the registry last, and there the
// tag after all that belongs to the image.
func (w *Workspace) deliver(ctx context.Context, r BuildRequest, img *image.Image, statements []attest.Statement) (pushed string, err error) {
	for _, out := range r.Outputs {
		if err := w.writeOutput(ctx, r, out, img, statements); err != nil {
			return "", err
		}
	}
	if !r.Push {
		return "", nil
	}
	step := w.Progress.Begin("pushing " + r.Tag)
	pushed, err = image.Upload(ctx, img, r.Tag, r.Registry)
	step.End(err)
	if err == nil && r.Signer != nil {
		err = w.sign(ctx, pushed, r, statements)
	}
	if err != nil {
		return pushed, err
	}
	return pushed, image.Tag(ctx, img, r.Tag, r.Registry)
}

func (w *Workspace) writeOutput(ctx context.Context, r BuildRequest, out Output, img *image.Image, statements []attest.Statement) error {
	step := w.Progress.Begin("writing " + out.Kind + ":" + out.Path)
	err := writeImage(ctx, r, out, img)
	step.End(err)
	if err != nil || r.Signer == nil || out.Kind != "oci" {
		return err
	}
	return w.sign(ctx, "oci:"+out.Path+"@"+img.Digest(), r, statements)
}

func writeImage(ctx context.Context, r BuildRequest, out Output, img *image.Image) error {
	switch out.Kind {
	case "oci":
		return image.WriteLayout(ctx, out.Path, img, layoutName(r.Tag))
	case "tar":
		return image.WriteTar(ctx, out.Path, img, layoutName(r.Tag))
	default:
		platforms := img.Platforms()
		if len(platforms) != 1 {
			return fault.New(fault.Usage, "writing %s: a docker archive holds one platform, the image has %d", out.Path, len(platforms)).
				Hint("select one with --platform, or use tar:FILE")
		}
		return image.WriteDocker(ctx, out.Path, platforms[0], r.Tag)
	}
}

// layoutName is the name of an image within a layout: its tag, or "latest".
func layoutName(tag string) string {
	last := tag[strings.LastIndexByte(tag, '/')+1:]
	if _, name, ok := strings.Cut(last, ":"); ok && !strings.Contains(last, "@") {
		return name
	}
	return "latest"
}

func (w *Workspace) sign(ctx context.Context, ref string, r BuildRequest, statements []attest.Statement) error {
	step := w.Progress.Begin("signing " + ref)
	err := func() error {
		target, err := attest.Open(ctx, ref, attest.Options{Insecure: r.Registry.Insecure, Name: r.Manifest.Name, Patience: attest.SigningPatience})
		if err != nil {
			return err
		}
		return attest.Attach(ctx, target, r.Signer, statements)
	}()
	step.End(err)
	return err
}
