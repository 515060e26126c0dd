package builder

import (
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
)

const (
	hermetic = `{"buildDefinition":{"resolvedDependencies":[{},{}]},"runDetails":{"metadata":{"buildkit_hermetic":true}}}`
	open     = `{"buildDefinition":{"resolvedDependencies":[{}]},"runDetails":{"metadata":{"buildkit_hermetic":false}}}`
)

func TestOnlyAHermeticBuildIsDescribed(t *testing.T) {
	kit, err := buildKit(map[string][]byte{"linux/amd64": []byte(hermetic), "linux/arm64": []byte(hermetic)})
	if err != nil || !kit.Hermetic || kit.Dependencies != 4 {
		t.Errorf("buildKit = %+v, %v", kit, err)
	}
	for name, provenance := range map[string]map[string][]byte{
		"none":            nil,
		"not hermetic":    {"linux/amd64": []byte(open)},
		"one of two":      {"linux/amd64": []byte(hermetic), "linux/arm64": []byte(open)},
		"says nothing":    {"linux/amd64": []byte(`{}`)},
		"is no provenace": {"linux/amd64": []byte(`[`)},
	} {
		if _, err := buildKit(provenance); !fault.Is(err, fault.Build) {
			t.Errorf("%s: %v, want a build error", name, err)
		}
	}
}

func TestEveryDropRuleHasItsReason(t *testing.T) {
	rules := dropRules()
	if len(rules) < 10 {
		t.Errorf("%d drop rules, want those of packages and wheels", len(rules))
	}
	for _, rule := range rules {
		if len(rule) < 20 {
			t.Errorf("rule %q gives no reason", rule)
		}
	}
}
