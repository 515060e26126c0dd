package main

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/cmd/lockforge/cli"
)

// reference is the folder that holds generated pages and nothing else.
const reference = "docs/reference"

// generate returns the content of every generated file by its path below the
// root, with slashes.
func generate() (map[string][]byte, error) {
	schema, err := manifest.Schema()
	if err != nil {
		return nil, err
	}
	manifestPage, err := manifestPage(schema)
	if err != nil {
		return nil, err
	}
	rules, err := policy.Embedded()
	if err != nil {
		return nil, err
	}
	commands := listed(cli.Command())
	files := map[string][]byte{
		"manifests/schema.json":      schema,
		"testdata/golden/help.txt":   helpText(commands),
		reference + "/README.md":     referenceIndex(),
		reference + "/manifest.md":   manifestPage,
		reference + "/exit-codes.md": exitCodesPage(),
		reference + "/executor.md":   executorPage(),
		reference + "/metrics.md":    metricsPage(),
	}
	maps.Copy(files, commandPages(commands))
	maps.Copy(files, rulePages(rules.Rules()))
	return files, nil
}

func referenceIndex() []byte {
	var page document
	page.heading(1, "Reference")
	page.paragraph("Made from the code by `make generate`.")
	page.table([]string{"page", "about"}, [][]string{
		{"[cli](cli/README.md)", "every command and flag"},
		{"[manifest](manifest.md)", "every key of the YAML form"},
		{"[rules](rules/README.md)", "what an image is judged by"},
		{"[exit codes](exit-codes.md)", "how a process ends"},
		{"[executor](executor.md)", "what the executor is configured with"},
		{"[metrics](metrics.md)", "what the executor counts"},
	})
	return page.Bytes()
}

// write makes the tree below root hold exactly these files: pages of the
// reference that nothing generates any more are removed.
func write(root string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(root, filepath.FromSlash(name))
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	old, err := leftovers(root, files)
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// leftovers lists the files of the reference that are not generated.
func leftovers(root string, files map[string][]byte) ([]string, error) {
	var old []string
	err := fs.WalkDir(os.DirFS(root), reference, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == reference {
			return fs.SkipDir
		}
		if err != nil {
			return err
		}
		if _, generated := files[name]; !entry.IsDir() && !generated {
			old = append(old, name)
		}
		return nil
	})
	return old, err
}
