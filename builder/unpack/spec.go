package unpack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/venv"
)

// MaxSpec bounds a specification, in bytes. The links of 50 venvs take 5 MB.
const MaxSpec = 256 << 20

// Input is a file of the pack, by its name there.
type Input struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // hex
}

// WheelsSpec asks for store directories. Several wheels may share one step.
type WheelsSpec struct {
	Epoch  int64       `json:"epoch"`          // time stamp of everything written, seconds since 1970
	Python venv.Python `json:"python"`         // minor version, "3.13"
	Root   string      `json:"root"`           // absolute path of the store in the image
	Jobs   int         `json:"jobs,omitempty"` // workers of each kind; 0 is one per core
	Wheels []WheelFile `json:"wheels"`
}

// WheelFile is a wheel and the name of its store directory.
type WheelFile struct {
	Input
	Key string `json:"key"` // lock.Wheel.StoreKey
}

// StdlibSpec asks for the bytecode of the interpreter's own modules, which the
// step's root file system holds in /usr/lib/python<minor>.
type StdlibSpec struct {
	Epoch  int64       `json:"epoch"`
	Python venv.Python `json:"python"`
	Jobs   int         `json:"jobs,omitempty"`
}

// TreeSpec asks for the given entries.
type TreeSpec struct {
	Epoch   int64       `json:"epoch"`
	Entries []TreeEntry `json:"entries"`
}

// TreeEntry is an entry whose content may come from an input file: From is its
// name in the pack or, without a pack, in /in, and SHA256 its hash.
type TreeEntry struct {
	venv.Entry
	From   string `json:"from,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// SdistSpec asks for the wheel of a pure Python source archive.
type SdistSpec struct {
	Epoch   int64       `json:"epoch"`
	Python  venv.Python `json:"python"`
	Name    string      `json:"name"` // normalised, PEP 503
	Version string      `json:"version"`
	Sdist   Input       `json:"sdist"`
	Tools   []Input     `json:"tools"` // wheels of the build backend: setuptools and wheel
}

// decode reads a specification strictly: no unknown field, nothing after it.
func decode(file string, spec any) error {
	f, err := os.Open(file)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "opening specification")
	}
	defer f.Close()
	content, err := limitio.ReadAll(f, MaxSpec)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading specification %s", file)
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(spec); err != nil {
		return fault.Wrap(fault.Internal, err, "decoding specification %s", file)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Internal, "decoding specification %s: something follows it", file)
	}
	return nil
}

var (
	minorVersion = regexp.MustCompile(`^3\.[0-9]{1,2}$`)
	storeKey     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+_-]{0,200}$`)
)

func (s *WheelsSpec) check() error {
	problems := []error{checkPython(s.Python), checkAbs(s.Root), checkJobs(s.Jobs)}
	seen := map[string]bool{}
	for _, w := range s.Wheels {
		problems = append(problems, w.check())
		if !storeKey.MatchString(w.Key) || seen[w.Key] {
			problems = append(problems, fmt.Errorf("store key %q is malformed or there twice", w.Key))
		}
		seen[w.Key] = true
	}
	return refuse(problems)
}

func (s *StdlibSpec) check() error { return refuse([]error{checkPython(s.Python), checkJobs(s.Jobs)}) }

func (s *TreeSpec) check() error {
	var problems []error
	for _, e := range s.Entries {
		problems = append(problems, e.check())
	}
	return refuse(problems)
}

func (e TreeEntry) check() error {
	if err := checkRelative(e.Path); err != nil {
		return err
	}
	if e.From != "" {
		if e.Type != venv.Regular || e.Content != "" {
			return fmt.Errorf("entry %q: from goes with a file without content", e.Path)
		}
		return Input{e.From, e.SHA256}.check()
	}
	switch {
	case e.SHA256 != "":
		return fmt.Errorf("entry %q: sha256 goes with from", e.Path)
	case e.Type == venv.Link && (e.Target == "" || strings.ContainsRune(e.Target, 0)):
		return fmt.Errorf("entry %q: link target %q", e.Path, e.Target)
	case e.Type != venv.Link && e.Target != "" || e.Type != venv.Regular && e.Content != "":
		return fmt.Errorf("entry %q: target or content do not fit a %s", e.Path, e.Type)
	case e.Type != venv.Link && e.Type != venv.Regular && e.Type != venv.Dir:
		return fmt.Errorf("entry %q: type %q", e.Path, e.Type)
	case e.Mode&^(fs.ModePerm|fs.ModeSticky) != 0:
		return fmt.Errorf("entry %q: mode %#o", e.Path, uint32(e.Mode))
	}
	return nil
}

func (s *SdistSpec) check() error {
	problems := []error{checkPython(s.Python), s.Sdist.check()}
	for _, tool := range s.Tools {
		problems = append(problems, tool.check())
	}
	if s.Name == "" || s.Version == "" {
		problems = append(problems, errors.New("name or version missing"))
	}
	return refuse(problems)
}

func (i Input) check() error {
	if sum, err := hex.DecodeString(i.SHA256); err != nil || len(sum) != 32 || i.SHA256 != strings.ToLower(i.SHA256) {
		return fmt.Errorf("input %q: sha256 %q", i.File, i.SHA256)
	}
	if i.File == "" || i.File != path.Base(i.File) || i.File[0] == '.' {
		return fmt.Errorf("input %q: not a plain file name", i.File)
	}
	return nil
}

func checkPython(p venv.Python) error {
	if !minorVersion.MatchString(string(p)) {
		return fmt.Errorf("python version %q", p)
	}
	return nil
}

func checkJobs(n int) error {
	if n < 0 || n > 256 {
		return fmt.Errorf("%d jobs", n)
	}
	return nil
}

func checkAbs(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" || strings.ContainsAny(p, "\t\n\x00") {
		return fmt.Errorf("path %q is not clean and absolute", p)
	}
	return nil
}

func checkRelative(p string) error {
	if p == "" || p == "." || path.IsAbs(p) || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") || strings.ContainsRune(p, 0) {
		return fmt.Errorf("path %q is not clean and relative", p)
	}
	return nil
}

func refuse(problems []error) error {
	if err := errors.Join(problems...); err != nil {
		return fault.Wrap(fault.Internal, err, "checking specification")
	}
	return nil
}
