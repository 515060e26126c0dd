package unpack

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/wheel"
)

//go:embed hook.py
var hookScript string

// sdistEpoch is the only clock that a source archive's build sees: 1980-01-01,
// the first date that a ZIP archive can hold.
const sdistEpoch = 315532800

// sdist builds the wheel of a pure Python source archive: the archive is
// unpacked twice, into directories with different names, the backend's hook is
// called in each, and both results, normalised, must have the same bytes. The
// wheel is written to the output's root under its own file name.
//
// The hook runs code of the archive. What contains it is the build step: no
// network, read-only inputs, nothing else to see.
func sdist(s *step) error {
	var spec SdistSpec
	if err := s.spec(&spec); err != nil {
		return err
	}
	if len(spec.Tools) == 0 {
		return fault.New(fault.Internal, "building %s: no build tools", spec.Sdist.File)
	}
	// Below the output, as nothing else is writable in a step.
	work, err := os.MkdirTemp(s.out, ".sdist-")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "building %s", spec.Sdist.File)
	}
	defer os.RemoveAll(work)
	tools := filepath.Join(work, "tools")
	if err := s.unpackTools(&spec, tools); err != nil {
		return err
	}
	first, err := s.buildOnce(&spec, filepath.Join(work, "a"), tools)
	if err != nil {
		return err
	}
	second, err := s.buildOnce(&spec, filepath.Join(work, "another-place"), tools)
	if err != nil {
		return err
	}
	if first.name != second.name || !bytes.Equal(first.content, second.content) {
		return fault.New(fault.Integrity, "building %s: two builds gave different wheels", spec.Sdist.File).
			Hint("build a wheel yourself and name it under wheels: in the manifest")
	}
	out := newOutput(s.out, spec.Epoch)
	if err := out.content(first.name, 0o644, first.content); err != nil {
		return err
	}
	if err := os.RemoveAll(work); err != nil {
		return fault.Wrap(fault.Internal, err, "building %s", spec.Sdist.File)
	}
	return out.finish()
}

// unpackTools unpacks the build backend's wheels into one directory.
func (s *step) unpackTools(spec *SdistSpec, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fault.Wrap(fault.Internal, err, "unpacking build tools")
	}
	out := newOutput(dir, sdistEpoch)
	for _, tool := range spec.Tools {
		r, err := s.in.open(tool)
		if err != nil {
			return err
		}
		w, err := wheel.Open(r, r.Size(), tool.File)
		if err != nil {
			return err
		}
		for _, m := range w.Members() {
			err := out.file(m.Name, 0o644, func(f io.Writer) error {
				_, err := w.Copy(f, m)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// builtWheel is a wheel and its file name.
type builtWheel struct {
	name    string
	content []byte
}

// buildOnce unpacks the archive below dir, calls the hook, and normalises what
// it made.
func (s *step) buildOnce(spec *SdistSpec, dir, tools string) (*builtWheel, error) {
	r, err := s.in.open(spec.Sdist)
	if err != nil {
		return nil, err
	}
	result := filepath.Join(dir, "result")
	if err := os.MkdirAll(result, 0o755); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "building %s", spec.Sdist.File)
	}
	source, err := unpackSource(r, dir)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading sdist %s", spec.Sdist.File)
	}
	if err := refuseNative(source, spec.Sdist.File); err != nil {
		return nil, err
	}
	if err := s.callHook(spec, source, tools, result); err != nil {
		return nil, err
	}
	return spec.collect(result)
}

// callHook runs the backend in its own interpreter. The environment is fixed; a
// program that the build would start is not found.
func (s *step) callHook(spec *SdistSpec, source, tools, result string) error {
	cmd := exec.Command(s.interpreter(spec.Python), "-s", "-S", "-P", "-B", "-W", "ignore", "-c", hookScript, tools, result)
	cmd.Dir = source
	cmd.Env = []string{
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", sdistEpoch), "PYTHONHASHSEED=0", "PYTHONUTF8=1",
		"HOME=/nonexistent", "LC_ALL=C.UTF-8", "TZ=UTC", "PATH=/nonexistent", "TMPDIR=" + filepath.Dir(source),
	}
	var said limitedBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fault.Wrap(fault.Build, err, "building %s: %s", spec.Sdist.File, lastLine(said.String())).
			Hint("build a wheel yourself and name it under wheels: in the manifest")
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(text, "\n")
	return lines[len(lines)-1]
}

// collect reads the one wheel in dir, checks that it is the expected one, and
// normalises it.
func (spec *SdistSpec) collect(dir string) (*builtWheel, error) {
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		return nil, fault.New(fault.Build, "building %s: the backend left %d files, want one wheel", spec.Sdist.File, len(files))
	}
	f, err := os.Open(filepath.Join(dir, files[0].Name()))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "building %s", spec.Sdist.File)
	}
	defer f.Close()
	content, err := limitio.ReadAll(f, maxSource)
	if err != nil {
		return nil, fault.Wrap(fault.Build, err, "building %s", spec.Sdist.File)
	}
	w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), files[0].Name())
	if err != nil {
		return nil, err
	}
	if w.Name != wheel.NormalizeName(spec.Name) || !wheel.SameVersion(w.Version, spec.Version) {
		return nil, fault.New(fault.Integrity, "building %s: it became %s %s, want %s %s", spec.Sdist.File, w.Name, w.Version, spec.Name, spec.Version)
	}
	for _, tag := range w.Tags {
		if tag.ABI != "none" || tag.Platform != "any" {
			return nil, fault.New(fault.Resolve, "building %s: its wheel has native code (tag %s)", spec.Sdist.File, tag).
				Hint("build a wheel yourself and name it under wheels: in the manifest")
		}
	}
	normal, err := normalise(w)
	if err != nil {
		return nil, err
	}
	// The strict reader has the last word on what leaves the step.
	again, err := wheel.Open(bytes.NewReader(normal), int64(len(normal)), w.File)
	if err == nil {
		err = again.Verify()
	}
	return &builtWheel{w.File, normal}, err
}
