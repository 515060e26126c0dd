package index

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/lockforge/lockforge/builder/fault"
)

// uvHelpTimeout bounds a call that normally takes some 10 ms.
const uvHelpTimeout = 20 * time.Second

// uvDefault finds the address in uv's help, once its line breaks are gone.
var uvDefault = regexp.MustCompile(`--default-index <DEFAULT_INDEX> .{0,200}?by default: <(https?://[^ >]+)>`)

// fromUV asks the installed uv for the index it would use unconfigured. Its
// help text is the only place that names it without running a resolution: no
// network, no interpreter, no file is touched, and with an empty environment
// no setting (help prints those, too) can get into the answer. A uv whose help
// reads otherwise counts as one that does not say.
func fromUV(env Env) (found, error) {
	if env.UV == "" {
		return found{}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), uvHelpTimeout)
	defer cancel()
	var stdout bytes.Buffer
	cmd := exec.CommandContext(ctx, env.UV, "pip", "compile", "--help", "--color", "never")
	cmd.Env = []string{}
	cmd.Stdout = &stdout
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return found{}, fault.Wrap(fault.Network, err, "asking uv for its default index").
			Hint("set indexes.default.url in the manifest, or UV_DEFAULT_INDEX; or mend the uv installation")
	}
	m := uvDefault.FindStringSubmatch(strings.Join(strings.Fields(stdout.String()), " "))
	if m == nil {
		return found{}, nil
	}
	return found{address: m[1], from: "uv's default"}, nil
}

// uvTOML is the part of uv.toml that names the default index.
type uvTOML struct {
	IndexURL string `toml:"index-url"`
	Index    []struct {
		Name    string `toml:"name"`
		URL     string `toml:"url"`
		Default bool   `toml:"default"`
	} `toml:"index"`
	Pip struct {
		IndexURL string `toml:"index-url"`
	} `toml:"pip"`
}

// fromUVConfig reads uv.toml of the user, then of the machine. Those of a
// project folder are left alone: they belong to whatever Python project
// lockforge happens to be started in.
func fromUVConfig(env Env) (found, error) {
	if env.get("UV_NO_CONFIG") != "" {
		return found{}, nil
	}
	for _, path := range uvConfigFiles(env) {
		text, err := env.read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var c uvTOML
		if err == nil {
			_, err = toml.Decode(string(text), &c)
		}
		if err != nil {
			return found{}, configFault(err, path)
		}
		if f := c.find(); f.address != "" {
			f.from = path
			return f, nil
		}
	}
	return found{}, nil
}

func (c uvTOML) find() found {
	for _, x := range c.Index {
		if x.Default {
			return found{address: x.URL, name: x.Name}
		}
	}
	if c.IndexURL != "" {
		return found{address: c.IndexURL}
	}
	return found{address: c.Pip.IndexURL}
}

func uvConfigFiles(env Env) []string {
	if file := env.get("UV_CONFIG_FILE"); file != "" {
		return []string{file}
	}
	var files []string
	for _, dir := range slices.Concat(userConfigDirs(env), machineConfigDirs(env), []string{"/etc"}) {
		files = append(files, filepath.Join(dir, "uv", "uv.toml"))
	}
	return files
}

// userConfigDirs is XDG_CONFIG_HOME, by default ~/.config (XDG Base Directory Specification).
func userConfigDirs(env Env) []string {
	if dir := env.get("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return []string{dir}
	}
	if env.Home == "" {
		return nil
	}
	return []string{filepath.Join(env.Home, ".config")}
}

// machineConfigDirs is XDG_CONFIG_DIRS, by default /etc/xdg.
func machineConfigDirs(env Env) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(env.get("XDG_CONFIG_DIRS")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	if dirs == nil {
		return []string{"/etc/xdg"}
	}
	return dirs
}

// configFault reports a configuration file that cannot be used. The parsers'
// texts quote the line, and with it a credential: only the place is passed on.
func configFault(err error, path string) error {
	pos := fault.Pos{File: path}
	var syntax toml.ParseError
	var pathErr *fs.PathError
	switch {
	case errors.As(err, &syntax):
		pos.Line, pos.Column = syntax.Position.Line, syntax.Position.Col
		err = errors.New("not valid TOML")
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case !errors.Is(err, errPipConf):
		err = errors.New("a setting of the wrong type")
	}
	return fault.Wrap(fault.Usage, err, "reading the index configuration").At(pos)
}
