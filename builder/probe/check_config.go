package probe

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/executor/contract"
)

var configChecks = []check{
	{static("E12-user", Critical, "The image runs as a numeric user that is not root", "set USER to a number above 0, with a group above 0 where one is given"),
		numericUser},
	{static("E12-entrypoint", High, "The image starts one program, without a shell", "write ENTRYPOINT, CMD and HEALTHCHECK as lists that start with an absolute path"),
		entrypoint},
	{static("E12-index", High, "Every index knob of pip and uv is closed", "point PIP_INDEX_URL, UV_DEFAULT_INDEX and UV_INDEX_URL, /etc/pip.conf and /etc/uv/uv.toml at http://127.0.0.1:1/simple, and set "+contract.EnvDependencyResolution+"=false"),
		index},
	{static("E12-volume", Medium, "No volume and no trigger is declared", "remove VOLUME and ONBUILD; mount scratch space when the image is run"),
		volumes},
	{static("E12-created", Low, "The image's times are one time, which no file is later than", "build with SOURCE_DATE_EPOCH and clamp the times of files to it"),
		created},
	{static("E24-environment", High, "The image sets no variable that loads code", "remove the variable, and /etc/ld.so.preload"),
		environment},
	{static("E67-port", Medium, "The image declares no port", "remove EXPOSE; the executor calls out only, and answers health questions on loopback"),
		ports},
}

var numeric = regexp.MustCompile(`^[1-9][0-9]{0,9}(:[1-9][0-9]{0,9})?$`)

func numericUser(s *Scan, f *findings) {
	if u := s.facts.Config.User; !numeric.MatchString(u) {
		f.config("user " + quote(u))
	}
}

// shells are programs that start what a text says.
var shells = []string{"sh", "ash", "bash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "busybox", "toybox", "env", "xargs"}

func entrypoint(s *Scan, f *findings) {
	c := s.facts.Config
	start := append(slices.Clone(c.Entrypoint), c.Cmd...)
	if len(start) == 0 {
		f.config("the image starts nothing")
		return
	}
	if !path.IsAbs(start[0]) {
		f.config("what it starts is searched for on PATH: " + quote(start[0]))
	}
	for _, word := range start {
		if slices.Contains(shells, path.Base(word)) {
			f.config("it starts through a shell: " + quote(strings.Join(start, " ")))
			break
		}
	}
	if len(c.Healthcheck) > 0 && (c.Healthcheck[0] == "CMD-SHELL" || len(c.Healthcheck) > 1 && slices.Contains(shells, path.Base(c.Healthcheck[1]))) {
		f.config("its health check runs through a shell")
	}
	real, at := s.visible.Resolve(strings.TrimPrefix(path.Clean(start[0]), "/"))
	if at == nil && path.IsAbs(start[0]) {
		f.config("what it starts is not there: " + quote(start[0]))
	}
	for _, t := range s.facts.Tools {
		if at != nil && t.Path == real && t.Layer == at.Layer && (t.Kind == "shell" || t.Kind == "interpreter") {
			f.config("what it starts is " + t.Kind + " " + t.Name)
		}
	}
	for _, h := range s.contents {
		if at != nil && h.kind == hitProgram && h.path == real && h.layer == at.Layer && h.tool == "shell" {
			f.config("what it starts is " + h.text)
		}
	}
	for n := range s.facts.Programs {
		if p := s.facts.Programs[n]; at != nil && p.Path == real && p.Layer == at.Layer && p.Kind == "script" {
			f.config("what it starts is a script: " + quote(start[0]))
		}
	}
}

// nowhere is where every knob has to point: a port that nothing listens on.
const nowhere = "http://127.0.0.1:1/simple"

var (
	// pointed have a default in pip or uv, so that leaving them empty opens the public index.
	pointed = []string{"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"}
	// added add sources, so that empty closes them.
	added      = []string{"PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX"}
	indexFiles = []string{"etc/pip.conf", "etc/uv/uv.toml"}
)

func index(s *Scan, f *findings) {
	for _, name := range pointed {
		if value, set := s.env(name); !set || value != nowhere {
			f.config("variable " + name + map[bool]string{true: " points somewhere", false: " is not set"}[set])
		}
	}
	for _, name := range added {
		if value, set := s.env(name); !set || value != "" && value != nowhere {
			f.config("variable " + name + map[bool]string{true: " adds a source", false: " is not set"}[set])
		}
	}
	for _, kv := range s.facts.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		if (strings.HasPrefix(name, "PIP_") || strings.HasPrefix(name, "UV_")) && !slices.Contains(pointed, name) && !slices.Contains(added, name) && strings.Contains(value, "://") && value != nowhere {
			f.config("variable " + name + " names an address")
		}
	}
	if value, _ := s.env(contract.EnvDependencyResolution); value != "false" {
		f.config("variable " + contract.EnvDependencyResolution + " does not switch installing at run time off")
	}
	for _, p := range indexFiles {
		if text, ok := s.facts.IndexFiles[p]; !ok || !strings.Contains(text, nowhere) {
			f.config("/" + p + " does not close the index")
		}
	}
	for _, p := range sorted(s.facts.IndexFiles) {
		if strings.Contains(strings.ReplaceAll(s.facts.IndexFiles[p], nowhere, ""), "://") {
			f.config("/" + p + " names an address")
		}
	}
}

func volumes(s *Scan, f *findings) {
	for _, v := range s.facts.Config.Volumes {
		f.config("volume " + quote(v) + ", which is writable and may be executed from")
	}
	for _, o := range s.facts.Config.OnBuild {
		f.config("trigger " + quote(o))
	}
}

func created(s *Scan, f *findings) {
	at := s.facts.Config.Created
	if at.IsZero() {
		f.config("no time of creation is given")
		return
	}
	if at.Nanosecond() != 0 {
		f.config("created at " + at.Format(time.RFC3339Nano) + ", the time of a clock")
	}
	for _, h := range s.facts.Config.History {
		if !h.Created.Equal(at) {
			f.config("its history has another time than " + at.Format(time.RFC3339))
			break
		}
	}
	for n := range s.facts.Entries {
		if e := &s.facts.Entries[n]; e.MTime > at.Unix() && e.Type != image.Dir {
			f.add(e.Layer, e.Path, "later than the image: "+time.Unix(e.MTime, 0).UTC().Format(time.RFC3339))
		}
	}
}

// loaders are variables by which an interpreter or the dynamic loader takes
// code from another place, or runs more of it.
var loaders = []string{
	"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONPLATLIBDIR", "PYTHONINSPECT", "PYTHONBREAKPOINT", "PYTHONWARNINGS", "PYTHONUSERBASE",
	"PYTHONPYCACHEPREFIX", "PYTHONEXECUTABLE", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES", "OPENSSL_CONF",
	"OPENSSL_MODULES", "OPENSSL_ENGINES", "BASH_ENV", "ENV", "PERL5LIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "GIT_SSH_COMMAND",
}

func environment(s *Scan, f *findings) {
	for _, name := range loaders {
		if value, set := s.env(name); set && value != "" {
			f.config("variable " + name + " is " + quote(value))
		}
	}
	if e := s.visible.Get("etc/ld.so.preload"); e != nil && e.Size > 0 {
		f.add(e.Layer, e.Path, "each program loads what it names")
	}
	if value, set := s.env("PATH"); set {
		for dir := range strings.SplitSeq(value, ":") {
			if !path.IsAbs(dir) {
				f.config("PATH holds " + quote(dir) + ", a place that depends on the working directory")
			}
		}
	}
}

func ports(s *Scan, f *findings) {
	for _, p := range s.facts.Config.Ports {
		f.config("port " + quote(p))
	}
}
