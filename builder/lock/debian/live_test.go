package debian

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestResolveLive locks both suites from the mirrors that this machine's apt
// uses, with the pinned keys and the real clock.
func TestResolveLive(t *testing.T) {
	mirrors, err := FindMirrors(nil, os.DirFS("/"))
	if err != nil {
		testenv.Missing(t, "this machine has no OS package mirror: %v", err)
	}
	mirrors = AptCredentials(mirrors, os.DirFS("/"))
	plugins := map[string][]string{
		"trixie":   {"libldap2", "libgssapi-krb5-2", "libodbc2", "libpam0g"},
		"bookworm": {"libldap-2.5-0", "libgssapi-krb5-2", "libodbc2", "libpam0g"},
	}
	for suite, packages := range plugins {
		t.Run(suite, func(t *testing.T) {
			for _, platform := range []string{"linux/amd64", "linux/arm64"} {
				if suite == "bookworm" && platform == "linux/arm64" {
					continue // the same code on another 50 MB
				}
				request := Request{
					Suite: suite, Platform: platform, Packages: packages,
					Mirrors: mirrors, Getter: newGetter(t), CacheDir: liveCache(t), Now: time.Now(),
				}
				result, err := Resolve(context.Background(), request)
				if fault.Is(err, fault.Network) {
					testenv.Missing(t, "OS package mirror does not answer: %v", err)
				}
				if err != nil {
					t.Fatal(err)
				}
				var size int64
				have := map[string]bool{}
				for _, d := range result.Debs {
					size += d.Size
					have[d.Name] = true
					t.Logf("%s %s %s %s %d", d.Name, d.Version, d.Arch, d.Archive, d.Size)
				}
				for _, e := range result.Excluded {
					t.Logf("excluded %s, needed by %v: %s", e.Package, e.NeededBy, e.Reason)
					if have[e.Package] {
						t.Errorf("%s is excluded and selected", e.Package)
					}
				}
				t.Logf("%d packages, %d bytes, archives %v", len(result.Debs), size, result.Base.Archives)
				for _, name := range append(packages, "libc6", "python"+result.Python+"-minimal") {
					if !have[name] {
						t.Errorf("%s is not selected", name)
					}
				}
			}
		})
	}
}

// liveCache keeps downloaded indexes between runs where LOCKFORGE_TEST_CACHE
// names a directory.
func liveCache(t *testing.T) string {
	if dir := os.Getenv("LOCKFORGE_TEST_CACHE"); dir != "" {
		return dir
	}
	return t.TempDir()
}
