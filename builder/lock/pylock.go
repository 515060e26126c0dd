package lock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Pylock gives one platform's wheels as a pylock.toml (PEP 751, version 1.0).
// Each venv is a dependency group of its name. Wheels are given by path, as
// files beside the pylock, since a lock names no host. It fails with
// fault.Usage where the lock does not have the platform.
func (l *Lock) Pylock(platform string) ([]byte, error) {
	at := slices.IndexFunc(l.Platforms, func(p *Platform) bool { return p.Platform == platform })
	if at < 0 {
		return nil, fault.New(fault.Usage, "exporting lock: it has no platform %s", platform)
	}
	p := l.Platforms[at]
	groups := map[string][]string{}
	var dirs []string
	for _, v := range p.Venvs {
		dirs = append(dirs, strconv.Quote(v.Dir))
		for _, file := range v.Wheels {
			groups[file] = append(groups[file], v.Dir)
		}
	}
	var b strings.Builder
	b.WriteString("lock-version = \"1.0\"\ncreated-by = \"lockforge\"\n")
	fmt.Fprintf(&b, "requires-python = \"==%s.*\"\n", p.Python)
	fmt.Fprintf(&b, "dependency-groups = [%s]\n", strings.Join(dirs, ", "))
	for _, w := range p.Wheels {
		fmt.Fprintf(&b, "\n[[packages]]\nname = %q\nversion = %q\n", w.Name, w.Version)
		if in := groups[w.File]; len(in) < len(p.Venvs) {
			var tests []string
			for _, dir := range in {
				tests = append(tests, "'"+dir+"' in dependency_groups")
			}
			fmt.Fprintf(&b, "marker = %q\n", strings.Join(tests, " or "))
		}
		fmt.Fprintf(&b, "wheels = [{name = %q, path = %q, size = %d, hashes = {sha256 = %q}}]\n", w.File, w.File, w.Size, w.SHA256)
	}
	return []byte(b.String()), nil
}
