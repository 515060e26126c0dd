package index

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// errPipConf is matched by every error about the form of a pip.conf.
var errPipConf = errors.New("malformed pip configuration")

// fromPipConfig reads index-url of pip's configuration files, the strongest
// first: pip itself reads them in the reverse order and lets the last one win
// (pip documentation, "Configuration": location, precedence within files).
func fromPipConfig(env Env) (found, error) {
	for _, path := range pipConfigFiles(env) {
		text, err := env.read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var settings map[string]string
		if err == nil {
			settings, err = parsePipConf(string(text))
		}
		if err != nil {
			return found{}, configFault(err, path)
		}
		// The section of a command beats [global]; install is the one that
		// downloads what an image is made of.
		for _, key := range []string{"install.index-url", "global.index-url"} {
			if v := settings[key]; v != "" {
				return found{address: v, from: path}, nil
			}
		}
	}
	return found{}, nil
}

func pipConfigFiles(env Env) []string {
	explicit := env.get("PIP_CONFIG_FILE")
	if explicit == "/dev/null" { // pip: no configuration file at all
		return nil
	}
	var files []string
	if explicit != "" {
		files = append(files, explicit)
	}
	if venv := env.get("VIRTUAL_ENV"); venv != "" {
		files = append(files, filepath.Join(venv, "pip.conf"))
	}
	for _, dir := range userConfigDirs(env) {
		files = append(files, filepath.Join(dir, "pip", "pip.conf"))
	}
	if env.Home != "" {
		files = append(files, filepath.Join(env.Home, ".pip", "pip.conf"))
	}
	files = append(files, "/etc/pip.conf")
	for _, dir := range machineConfigDirs(env) {
		files = append(files, filepath.Join(dir, "pip", "pip.conf"))
	}
	return files
}

// parsePipConf reads the INI form of Python's configparser, as pip does:
// "section.key" to value, keys in lower case with "-" for "_", further lines of
// a value indented. Errors give the line and never the content.
func parsePipConf(text string) (map[string]string, error) {
	settings := map[string]string{}
	section, key := "", ""
	for i, raw := range strings.Split(text, "\n") {
		line := strings.TrimSpace(raw)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case (raw[0] == ' ' || raw[0] == '\t') && key != "":
			settings[key] = strings.TrimSpace(settings[key] + "\n" + line)
		case line[0] == '[':
			end := strings.IndexByte(line, ']')
			if end < 0 {
				return nil, fmt.Errorf("line %d: section without its end: %w", i+1, errPipConf)
			}
			section, key = line[1:end], ""
		default:
			name, value, ok := cutSetting(line)
			if !ok || section == "" {
				return nil, fmt.Errorf("line %d: neither section nor setting: %w", i+1, errPipConf)
			}
			key = section + "." + name
			settings[key] = value
		}
	}
	return settings, nil
}

// cutSetting splits a line at the first "=" or ":".
func cutSetting(line string) (name, value string, ok bool) {
	at := strings.IndexAny(line, "=:")
	if at <= 0 {
		return "", "", false
	}
	name = strings.ToLower(strings.TrimSpace(line[:at]))
	name = strings.TrimPrefix(strings.ReplaceAll(name, "_", "-"), "--")
	return name, strings.TrimSpace(line[at+1:]), true
}
