package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/bench/measure"
	"github.com/lockforge/lockforge/executor/contract"
)

// release is that of the CLI and of the executor next to which ours is measured.
const release = "1.7.0.17"

// realPlugin has the venv with the real CLI, and the Python executor as well.
const realPlugin = "datahub-mock-data"

// fakePlugins have venvs with fakecli, see there.
var fakePlugins = []string{"fake-noop", "fake-flood", "fake-report"}

// secretCount is how many secrets a flood has to be searched for.
const secretCount = 50

// prepare makes everything that is started later, outside every measurement.
func (w *world) prepare(ctx context.Context) error {
	for _, dir := range []string{w.o.work, w.venvs(), w.path("secrets")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{w.makeVenv, w.makeFakes, w.makeStandIn, w.makeSecrets} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
	}
	return nil
}

func (w *world) path(name string) string { return filepath.Join(w.o.work, name) }

func (w *world) venvs() string { return w.path("venvs") }

func (w *world) venv(plugin string) string {
	return filepath.Join(w.venvs(), plugin+contract.VenvSuffix)
}

// makeVenv installs the release, with bytecode, unless that was done before.
func (w *world) makeVenv(ctx context.Context) error {
	venv := w.venv(realPlugin)
	done := filepath.Join(venv, "installed")
	if installed, err := os.ReadFile(done); err == nil && string(installed) == release {
		return nil
	}
	for _, args := range [][]string{
		{"venv", "--clear", "--python", w.o.python, venv},
		{"pip", "install", "--compile-bytecode", "--python", filepath.Join(venv, "bin", "python"), "acryl-datahub==" + release, "acryl-datahub-actions==" + release},
	} {
		if _, err := measure.NewCommand(ctx, w.o.uv, args...).Run(); err != nil {
			return err
		}
	}
	return os.WriteFile(done, []byte(release), 0o600)
}

// makeFakes makes the venvs of fakecli, and the metadata of all venvs.
func (w *world) makeFakes(ctx context.Context) error {
	fake := w.path("fakecli")
	if err := build(ctx, fake, "./bench/executor/fakecli"); err != nil {
		return err
	}
	program, err := os.ReadFile(fake)
	if err != nil {
		return err
	}
	for _, plugin := range fakePlugins {
		bin := filepath.Join(w.venv(plugin), "bin")
		if err := errors.Join(os.RemoveAll(bin), os.MkdirAll(bin, 0o755)); err != nil {
			return err
		}
		for _, name := range []string{"python", "datahub"} {
			if err := os.WriteFile(filepath.Join(bin, name), program, 0o755); err != nil {
				return err
			}
		}
	}
	metadata, err := json.Marshal(contract.Metadata{BundledPlugins: append([]string{realPlugin}, fakePlugins...), CLIVersion: release})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.venvs(), contract.MetadataFile), metadata, 0o600)
}

func build(ctx context.Context, output, pkg string) error {
	c := measure.NewCommand(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", output, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	_, err := c.Run()
	return err
}

// makeStandIn builds the stand-in for GMS, and packs the release's schemas in
// the form in which it reads them.
func (w *world) makeStandIn(ctx context.Context) error {
	if err := build(ctx, w.path("gmsd"), "./executor/internal/gmstest/gmsd"); err != nil {
		return err
	}
	installed, err := filepath.Glob(filepath.Join(w.venv(realPlugin), "lib", "python3*", "site-packages", "datahub", "metadata", "schemas"))
	if err != nil || len(installed) != 1 {
		return errors.Join(fmt.Errorf("schemas of the release: %q", installed), err)
	}
	f, err := os.Create(w.path("schemas.zip"))
	if err != nil {
		return err
	}
	archive := zip.NewWriter(f)
	err = fs.WalkDir(os.DirFS(installed[0]), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(installed[0], path))
		if err != nil {
			return err
		}
		member, err := archive.Create("datahub/metadata/schemas/" + path)
		if err == nil {
			_, err = member.Write(content)
		}
		return err
	})
	return errors.Join(err, archive.Close(), f.Close())
}

func secretName(i int) string { return fmt.Sprintf("BENCH_SECRET_%02d", i) }

func secretValue(i int) string { return fmt.Sprintf("%.24x", sha256.Sum256([]byte(secretName(i)))) }

func (w *world) makeSecrets(context.Context) error {
	for i := range secretCount {
		if err := os.WriteFile(filepath.Join(w.path("secrets"), secretName(i)), []byte(secretValue(i)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// recipe is one for a plugin, with what it is to do in the source's configuration.
func recipe(plugin string, config map[string]any) string {
	text, _ := json.Marshal(map[string]any{"source": map[string]any{"type": plugin, "config": config}}) // of texts and numbers
	return string(text)
}

// input is what a request to run a recipe in a pool has in it.
func input(pool, recipe string) string {
	text, _ := json.Marshal(map[string]any{ // of texts
		"task": "RUN_INGEST", "executorId": pool,
		"args":   map[string]string{"recipe": recipe, "version": "bundled", "debug_mode": "false"},
		"source": map[string]string{"type": "MANUAL_INGESTION_SOURCE", "ingestionSource": "urn:li:dataHubIngestionSource:bench"},
	})
	return strings.TrimSpace(string(text))
}
