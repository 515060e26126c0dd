package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"
)

// DefaultDir is where upstream looks for mounted secrets.
const DefaultDir = "/mnt/secrets"

// generation is the link that Kubernetes and the External Secrets operator
// turn to a new directory when a mounted secret changes; the files beside it
// are links into it.
const generation = "..data"

// Dir is the store "file": one file per secret in one directory, such as a
// mounted Kubernetes secret. Files are read at each use, so that a rotated
// secret needs no restart.
//
// White space at the end of a file is not part of the value, as upstream has
// it: most editors leave a newline there. Links are followed inside of the
// directory only. What is not a regular file, or larger than MaxBytes, is an
// error and never a part of a value.
type Dir struct {
	Path     string // DefaultDir where empty
	MaxBytes int64  // of one file; 0 is MaxValueBytes
}

// ErrFile is the error for a file that is no secret.
var ErrFile = errors.New("not usable as a secret")

// ID returns "file".
func (d Dir) ID() string { return "file" }

// Check fails where the directory cannot be read, and so no secret would be found.
func (d Dir) Check() error {
	root, err := os.OpenRoot(d.path())
	if err != nil {
		return fmt.Errorf("opening the directory of secrets: %w", err)
	}
	return root.Close()
}

// Values reads the files of names. All values are from one generation of a
// mounted secret. A directory that does not exist has none.
func (d Dir) Values(ctx context.Context, names []string) (map[string]string, error) {
	root, err := os.OpenRoot(d.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the directory of secrets: %w", err)
	}
	defer root.Close()
	const attempts = 3
	for range attempts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before, _ := root.Readlink(generation)
		values, err := d.readAll(root, names)
		if after, _ := root.Readlink(generation); after == before {
			return values, err
		}
	}
	return nil, fmt.Errorf("%w: the mounted secrets changed %d times while they were read", ErrFile, attempts)
}

func (d Dir) readAll(root *os.Root, names []string) (map[string]string, error) {
	values := map[string]string{}
	var problems []error
	for _, name := range names {
		if !validName(name) {
			continue
		}
		value, err := d.read(root, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			problems = append(problems, fmt.Errorf("reading secret %s: %w", name, err))
		default:
			values[name] = value
		}
	}
	return values, errors.Join(problems...)
}

func (d Dir) read(root *os.Root, name string) (string, error) {
	// Opening a device can do something; opening a pipe waits for a writer,
	// should one be put there after the look.
	if info, err := root.Stat(name); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: it is no regular file (%s)", ErrFile, info.Mode().Type())
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: it is no regular file (%s)", ErrFile, info.Mode().Type())
	}
	limit := d.MaxBytes
	if limit == 0 {
		limit = MaxValueBytes
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(content)) > limit {
		return "", fmt.Errorf("%w: it is larger than %d bytes", ErrFile, limit)
	}
	return strings.TrimRightFunc(string(content), unicode.IsSpace), nil
}

func (d Dir) path() string {
	if d.Path == "" {
		return DefaultDir
	}
	return d.Path
}
