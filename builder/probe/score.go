package probe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Score sums up the results of one tier.
type Score struct {
	Tier   Tier `json:"tier"`
	Total  int  `json:"total"`
	Passed int  `json:"passed"`
	Failed int  `json:"failed"`
	NotRun int  `json:"notRun"`
	// Percent is how many of Total passed, rounded down: 100 means all. What
	// was not run counts as if it had failed.
	Percent int `json:"percent"`
}

// String gives "I 100% (20/20)", and how many were not run.
func (s Score) String() string {
	text := fmt.Sprintf("%s %d%% (%d/%d)", s.Tier, s.Percent, s.Passed, s.Total)
	if s.NotRun > 0 {
		text += fmt.Sprintf(", %d not run", s.NotRun)
	}
	return text
}

// scores counts results per tier; tiers without probes have no score.
func scores(results []Result) []Score {
	var all []Score
	for _, tier := range Tiers() {
		s := Score{Tier: tier}
		for _, r := range results {
			if r.Tier != tier {
				continue
			}
			s.Total++
			switch r.Outcome {
			case Pass:
				s.Passed++
			case Fail:
				s.Failed++
			default:
				s.NotRun++
			}
		}
		if s.Total > 0 {
			s.Percent = 100 * s.Passed / s.Total
			all = append(all, s)
		}
	}
	return all
}

// Minimum is the score that a tier must reach.
type Minimum struct {
	Tier    Tier `json:"tier"`
	Percent int  `json:"percent"`
}

// ParseMinimum reads "I=100". Anything else is fault.Usage.
func ParseMinimum(text string) (Minimum, error) {
	tier, percent, ok := strings.Cut(text, "=")
	n, err := strconv.Atoi(strings.TrimSuffix(percent, "%"))
	m := Minimum{Tier: Tier(strings.ToUpper(tier)), Percent: n}
	if !ok || err != nil || !tiers[m.Tier] || n < 1 || n > 100 {
		return Minimum{}, fault.New(fault.Usage, "reading minimum %q", text).Hint("write tier=percent, such as I=100; tiers are I, R, X and D")
	}
	return m, nil
}

// Unreached lists the minimums that a report does not reach. A tier of which
// nothing was run reaches none.
func (r *Report) Unreached(minimums []Minimum) []Minimum {
	var missed []Minimum
	for _, m := range minimums {
		reached := false
		for _, s := range r.Scores {
			reached = reached || s.Tier == m.Tier && s.Passed+s.Failed > 0 && s.Percent >= m.Percent
		}
		if !reached {
			missed = append(missed, m)
		}
	}
	return missed
}
