package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// docker checks the file that registry logins come from, as docker and cosign
// have it: DOCKER_CONFIG/config.json, else ~/.docker/config.json. Nothing of
// what it holds besides the names of registries is shown.
func (h Host) docker(context.Context) []Check {
	const name, fix = "registry logins", "log in again (docker login, cosign login), or remove the file"
	path := filepath.Join(h.Index.Home, ".docker", "config.json")
	if dir := h.getenv("DOCKER_CONFIG"); dir != "" {
		path = filepath.Join(dir, "config.json")
	}
	content, err := h.Index.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []Check{ok(name, "none: %s is not there, registries are used anonymously", path)}
	}
	if err != nil {
		return []Check{failed(name, fix, err)}
	}
	var config struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		CredsStore  string                     `json:"credsStore"`
		CredHelpers map[string]string          `json:"credHelpers"`
	}
	if err := json.Unmarshal(content, &config); err != nil {
		// The parser's text would quote the file, and with it a password.
		return []Check{fail(name, fix, "%s is not valid JSON", path)}
	}
	helpers := slices.Collect(maps.Values(config.CredHelpers))
	if config.CredsStore != "" {
		helpers = append(helpers, config.CredsStore)
	}
	slices.Sort(helpers)
	for _, helper := range slices.Compact(helpers) {
		program := "docker-credential-" + helper
		if _, found := h.program(program); !found {
			return []Check{fail(name, "install "+program+", or remove its name from "+path, "%s asks %s for logins, which is not on PATH", path, program)}
		}
	}
	return []Check{ok(name, "%s knows %d registries", path, len(config.Auths)+len(config.CredHelpers))}
}
