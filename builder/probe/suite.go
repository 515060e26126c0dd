package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// SuiteDigest names a set of probes, whatever their order: "sha256:<hex>".
// Another title, tier or probe is another suite.
func SuiteDigest(probes []Probe) string {
	sorted := slices.SortedFunc(slices.Values(probes), func(a, b Probe) int { return cmp.Compare(a.ID, b.ID) })
	h := sha256.New()
	for _, p := range sorted {
		for _, field := range []string{p.ID, p.Title, string(p.Tier), string(p.Severity), string(p.Kind)} {
			fmt.Fprintf(h, "%q ", field)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// ParseTiers reads tiers such as "I" or "x". Anything else is fault.Usage.
func ParseTiers(names []string) ([]Tier, error) {
	var all []Tier
	for _, name := range names {
		t := Tier(strings.ToUpper(strings.TrimSpace(name)))
		if !tiers[t] {
			return nil, fault.New(fault.Usage, "reading tier %q", name).Hint("tiers are I, R, X and D")
		}
		all = append(all, t)
	}
	return all, nil
}
