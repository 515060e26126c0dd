package builder

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/progress"
)

func TestFetchAsksNobodyForWhatIsThere(t *testing.T) {
	// Neither an index nor a mirror can be found from this workspace.
	w := &Workspace{CacheDir: t.TempDir(), Index: index.Env{}, HostRoot: t.TempDir(), Progress: progress.None()}
	m, l := &manifest.Manifest{}, &lock.Lock{}
	if _, err := w.Fetch(t.Context(), m, l); err != nil {
		t.Fatalf("an empty lock: %v", err)
	}
	l.Platforms = []*lock.Platform{{Platform: hostPlatform, Wheels: []lock.Wheel{{
		Name: "a", Version: "1", File: "a-1-py3-none-any.whl", Index: "default", Size: 1, SHA256: strings.Repeat("0", 64),
	}}}}
	if _, err := w.Fetch(t.Context(), m, l); !fault.Is(err, fault.Network) {
		t.Errorf("a missing wheel and no index: %v, want a network error", err)
	}
}

func TestALocalWheelMustBeTheListedOne(t *testing.T) {
	w := &Workspace{CacheDir: t.TempDir(), HostRoot: t.TempDir(), Progress: progress.None()}
	l := &lock.Lock{Platforms: []*lock.Platform{{Platform: hostPlatform, Wheels: []lock.Wheel{{
		Name: "a", Version: "1", File: "a-1-py3-none-any.whl", Index: lock.LocalIndex, Size: 1, SHA256: strings.Repeat("0", 64),
	}}}}}
	if _, err := w.Fetch(t.Context(), &manifest.Manifest{}, l); !fault.Is(err, fault.LockDrift) {
		t.Errorf("a local wheel that the manifest does not list: %v", err)
	}
}

func TestSelectedPlatformsMustBeLocked(t *testing.T) {
	l := &lock.Lock{Platforms: []*lock.Platform{{Platform: "linux/amd64"}, {Platform: "linux/arm64"}}}
	selected, err := only(l, []string{"linux/arm64"})
	if err != nil || len(selected.Platforms) != 1 || len(l.Platforms) != 2 {
		t.Errorf("only = %v, %v; the lock has %d platforms", selected, err, len(l.Platforms))
	}
	if _, err := only(l, []string{"linux/s390x"}); !fault.Is(err, fault.Usage) {
		t.Errorf("a platform that is not locked: %v", err)
	}
}
