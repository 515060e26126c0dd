package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// instanceFile keeps the name of an instance in its state directory.
const instanceFile = "instance"

// maxInstanceBytes bounds a name: upstream's bound of 500 for an executor's
// URN leaves more, a host's name and a random part need less.
const maxInstanceBytes = 256

// instanceName keeps names on one line and free of what marks in reports mean.
var instanceName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

// InstanceID returns the name that the instance with this state directory has
// for ever: what the directory says, or else the host's name and a random
// part, which it then keeps there. Two executors of one host have two names,
// for a claim is judged by them; one that starts again has its old one.
func InstanceID(stateDir, host string) (string, error) {
	file := filepath.Join(stateDir, instanceFile)
	name, err := readInstance(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	name = strings.ToLower(rand.Text()[:8])
	if host = hostPart(host); host != "" {
		name = host + "." + name
	}
	if err := keepInstance(file, name); err != nil {
		return "", fmt.Errorf("keeping the instance's name: %w", err)
	}
	return readInstance(file)
}

// hostPart is what of a host's name can be in an instance's.
func hostPart(host string) string {
	const bound = maxInstanceBytes / 2
	if len(host) > bound {
		host = host[:bound]
	}
	if !instanceName.MatchString(host) {
		return ""
	}
	return host
}

// keepInstance makes the file with its whole content or not at all. One that
// has appeared meanwhile stays.
func keepInstance(file, name string) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), instanceFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.WriteString(name + "\n")
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Link(temporary.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func readInstance(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("reading the instance's name: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxInstanceBytes+2))
	if err != nil {
		return "", fmt.Errorf("reading the instance's name: %w", err)
	}
	name := strings.TrimSuffix(string(content), "\n")
	if len(name) > maxInstanceBytes || !instanceName.MatchString(name) {
		return "", fmt.Errorf("reading the instance's name: %s holds none; remove the file", file)
	}
	return name, nil
}
