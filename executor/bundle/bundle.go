// Package bundle finds the bundled venv of a plugin in a locked image.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// metadataLimit bounds metadata.json, in bytes.
const metadataLimit = 1 << 20

// pluginName is the form of a source type that can name a bundled venv.
var pluginName = lazyregexp.New(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// ErrNotBundled is matched by the error of Find for a plugin without a venv.
var ErrNotBundled = errors.New("plugin is not bundled in this image")

// Venv is a bundled venv that exists.
type Venv struct {
	Plugin string
	// Python and CLI are the absolute paths of the venv's interpreter and of
	// its datahub command.
	Python, CLI string
}

// Find returns the venv of a plugin below root. The name must match
// ^[a-z0-9][a-z0-9_-]{0,63}$, and following links must not lead out of root.
func Find(root, plugin string) (Venv, error) {
	if !pluginName.MatchString(plugin) {
		return Venv{}, fmt.Errorf("plugin name %q: want lower-case letters, digits, - and _, at most 64", plugin)
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return Venv{}, fmt.Errorf("opening venv directory %s: %w", root, err)
	}
	defer dir.Close()

	name := plugin + contract.VenvSuffix
	bin, err := dir.Stat(filepath.Join(name, "bin"))
	if errors.Is(err, fs.ErrNotExist) {
		return Venv{}, fmt.Errorf("%w: %s", ErrNotBundled, plugin)
	}
	if err != nil {
		return Venv{}, fmt.Errorf("looking into venv %s: %w", name, err)
	}
	if !bin.IsDir() {
		return Venv{}, fmt.Errorf("venv %s: bin is no directory", name)
	}
	// The interpreter is a link to /usr/bin and so leaves root: only the
	// existence of the two is asked for here.
	found := Venv{Plugin: plugin}
	for file, path := range map[string]*string{"python": &found.Python, "datahub": &found.CLI} {
		if _, err := dir.Lstat(filepath.Join(name, "bin", file)); err != nil {
			return Venv{}, fmt.Errorf("venv %s is incomplete: %w", name, err)
		}
		*path = filepath.Join(root, name, "bin", file)
	}
	return found, nil
}

// Metadata reads the list of what the image bundles.
func Metadata(root string) (contract.Metadata, error) {
	var m contract.Metadata
	err := readJSON(filepath.Join(root, contract.MetadataFile), &m)
	return m, err
}

// BuildInfo reads what the image was built from.
func BuildInfo(path string) (contract.BuildInfo, error) {
	var b contract.BuildInfo
	err := readJSON(path, &b)
	return b, err
}

func readJSON(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, metadataLimit+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if len(content) > metadataLimit {
		return fmt.Errorf("reading %s: more than %d bytes", path, metadataLimit)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
