package facts

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/lockforge/lockforge/builder/lock"
)

// lockDigest compares the digest that the image names with the one of the
// lock file's bytes.
func (d *differences) lockDigest(named string) {
	text, err := lock.Marshal(d.lock)
	if err != nil {
		d.add("the lock has no digest: %v", err)
		return
	}
	sum := sha256.Sum256(text)
	if want := "sha256:" + hex.EncodeToString(sum[:]); named != want {
		d.add("the image says that its lock is %q, the lock is %s", named, want)
	}
}
