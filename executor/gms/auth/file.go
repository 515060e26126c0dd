package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// ProjectedTokenFile is where EKS mounts the token of a service account, which
// is upstream's default.
const ProjectedTokenFile = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"

// file is a token that somebody else keeps up to date. It is read for every
// header: a mount turns without notice, and reading it is cheap.
type file struct {
	path    string
	renewed func(error) // told of every change, and of every failure

	mu   sync.Mutex
	last string // what it had
}

func newFile(c Config) *file { return &file{path: c.TokenFile, renewed: c.told()} }

// TokenFile is a bearer token in a file: a mounted secret with a personal
// access token, or the token of a Kubernetes service account. White space
// around it is ignored. It fails with ErrConfig where path is empty; a file
// that is missing is an error of Header, as it may come later.
func TokenFile(path string) (Source, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: the token file has no path", ErrConfig)
	}
	return newFile(Config{TokenFile: path}), nil
}

func (*file) Invalidate() {}

func (f *file) Header(context.Context) (string, error) {
	token, err := readToken(f.path)
	if err != nil {
		f.renewed(err)
		return "", err
	}
	f.mu.Lock()
	changed := token != f.last
	f.last = token
	f.mu.Unlock()
	if changed {
		f.renewed(nil)
	}
	return "Bearer " + token, nil
}

func readToken(path string) (string, error) {
	r, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: token file %s does not exist; mount it", ErrRefused, path)
		}
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	defer r.Close()
	if info, err := r.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: token file %s is not a regular file", ErrRefused, path)
	}
	content, err := io.ReadAll(io.LimitReader(r, MaxToken+1))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	token := strings.TrimSpace(string(content))
	if err := usable("the token in "+path, token); err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return token, nil
}
