package testenv

import (
	"syscall"
	"testing"
)

// SmallDisk mounts a real file system of the given size ("256k"; more options of
// tmpfs may follow, "256k,nr_inodes=1") and returns its folder; it goes with the
// test. It takes root.
func SmallDisk(t testing.TB, size string) string {
	t.Helper()
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size="+size); err != nil {
		Missing(t, "mounting a small tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	return root
}

// GrowDisk gives a file system of SmallDisk another size.
func GrowDisk(t testing.TB, root, size string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", root, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
		t.Fatal(err)
	}
}
