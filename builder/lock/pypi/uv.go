package pypi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/internal/pep440"
)

// The range of uv versions whose results are known to be equal with the flags
// used here.
const (
	minUV = "0.9"  // the oldest
	endUV = "0.14" // the first that is not accepted
)

// uvProgram is the uv to run.
type uvProgram struct {
	path    string
	version string
	search  string // PATH
	python  string // an interpreter of any version, which uv insists on
	dir     string // scratch folder: home, cache and files of the runs
}

// findUV finds uv by LOCKFORGE_UV or on PATH, and checks its version.
// Errors: fault.Usage with a hint.
func findUV(ctx context.Context, getenv func(string) string, scratch string) (*uvProgram, error) {
	u := &uvProgram{path: getenv("LOCKFORGE_UV"), search: getenv("PATH"), dir: scratch}
	if u.path == "" {
		u.path = lookPath("uv", u.search)
	}
	install := "install uv >= " + minUV + " and < " + endUV + " (`make setup` does), or set LOCKFORGE_UV to its path"
	if u.path == "" {
		return nil, fault.New(fault.Usage, "looking for uv: there is none on PATH").Hint("%s", install)
	}
	out, err := u.command(ctx, scratch, "--version").Output()
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "asking %s for its version", filepath.Base(u.path)).Hint("%s", install)
	}
	m := regexp.MustCompile(`^uv ([0-9][0-9A-Za-z.+-]*)`).FindSubmatch(out)
	if m == nil {
		return nil, fault.New(fault.Usage, "asking uv for its version: it does not say").Hint("%s", install)
	}
	u.version = string(m[1])
	if !uvAccepted(u.version) {
		return nil, fault.New(fault.Usage, "using uv %s: it must be >= %s and < %s", u.version, minUV, endUV).Hint("%s", install)
	}
	if u.python = findPython(u.search); u.python == "" {
		return nil, fault.New(fault.Usage, "looking for a Python interpreter, which uv needs: there is no python3 on PATH").
			Hint("install python3; its version does not matter")
	}
	return u, nil
}

// findPython returns a python3 of PATH, a program rather than a script: uv's
// own search goes through every version manager it knows and takes seconds.
func findPython(search string) string {
	found := ""
	for _, dir := range filepath.SplitList(search) {
		path := lookPath("python3", dir)
		if path == "" {
			continue
		}
		if isProgram(path) {
			return path
		}
		if found == "" {
			found = path
		}
	}
	return found
}

// isProgram reports whether a file begins as ELF programs do.
func isProgram(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "\x7fELF"
}

func uvAccepted(version string) bool {
	v, err := pep440.Parse(version)
	if err != nil {
		return false
	}
	spec, err := pep440.ParseSpecifiers(">=" + minUV + ",<" + endUV)
	return err == nil && spec.Contain(v)
}

func lookPath(name, search string) string {
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// environment is all that uv sees. Its own variables, the user's home with
// .netrc and configuration files, and proxies would change the result or carry
// secrets.
func (u *uvProgram) environment() []string {
	return []string{
		"PATH=" + u.search,
		"HOME=" + u.dir,
		"UV_CACHE_DIR=" + filepath.Join(u.dir, "cache"),
		"UV_HTTP_RETRIES=0",
		"UV_HTTP_TIMEOUT=1800", // a page can take as long as a build of an sdist
		"NETRC=/dev/null",
		"NO_PROXY=127.0.0.1",
	}
}

func (u *uvProgram) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.path, args...)
	cmd.Env = u.environment()
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// question is one resolution.
type question struct {
	target       target
	index        string // URL of the router
	requirements []string
	constraints  []string
	preferences  []string // "name==version", taken where they fit
}

// answer is what uv made of it.
type answer struct {
	code     int // 0 resolved, 1 no solution, 2 anything else
	resolved []resolved
	stderr   string
}

// maxOutput bounds what is read of uv's output, in bytes.
const maxOutput = 8 << 20

// compile runs `uv pip compile`. An exit code of uv is no error; not being able
// to run it, or an answer that cannot be read, is fault.Internal.
func (u *uvProgram) compile(ctx context.Context, q question) (*answer, error) {
	dir, err := os.MkdirTemp(u.dir, "run-")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "running uv")
	}
	defer os.RemoveAll(dir)
	files := map[string][]string{"requirements.in": q.requirements, "constraints.txt": q.constraints, "requirements.txt": q.preferences}
	for name, lines := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "running uv")
		}
	}
	cmd := u.command(ctx, dir, "pip", "compile", "--no-config", "--no-python-downloads", "--python", u.python,
		"--python-version", q.target.Python, "--python-platform", q.target.uvPlatform(),
		"--only-binary", ":all:", "--prerelease", "explicit", "--generate-hashes", "--annotation-style", "split",
		"--no-header", "--color", "never", "--no-progress", "--quiet",
		"--default-index", q.index, "--constraints", "constraints.txt", "--output-file", "requirements.txt", "requirements.in")
	stderr := &tail{limit: 64 << 10}
	cmd.Stderr = stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "running uv")
	case errors.As(err, &exit):
		return &answer{code: exit.ExitCode(), stderr: stderr.String()}, nil
	case err != nil:
		return nil, fault.Wrap(fault.Internal, err, "running uv")
	}
	out, err := os.Open(filepath.Join(dir, "requirements.txt"))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading uv's answer")
	}
	defer out.Close()
	text, err := limitio.ReadAll(out, maxOutput)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading uv's answer")
	}
	packages, err := parseOutput(string(text))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading uv's answer")
	}
	return &answer{resolved: packages}, nil
}

// tail keeps the last bytes written to it.
type tail struct {
	buf   bytes.Buffer
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if extra := t.buf.Len() - t.limit; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.buf.String() }
