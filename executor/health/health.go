// Package health answers upstream's container probes: a worker re-creates its
// heartbeat files, a probe takes one away and so sees whether it comes back.
package health

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Take removes the heartbeat file. It is healthy when the file was there;
// an error says why it is not.
func Take(file string) error {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no heartbeat at %s since the last probe", file)
	}
	if err != nil {
		return fmt.Errorf("looking for the heartbeat: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("heartbeat %s is no regular file", file)
	}
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("taking the heartbeat: %w", err)
	}
	return nil
}
