// Package suggest finds the word that someone most likely meant.
package suggest

import "strings"

// maxWord bounds the work on one pair of words; longer words get no suggestion.
const maxWord = 128

// Nearest returns the candidate closest to word in edit distance (insertions,
// deletions, substitutions, swaps of neighbours), and whether it is close
// enough to be worth saying: at most a third of the word's length, at least
// one edit. Case, "-" and "_" count as equal. Of equals the first one wins.
func Nearest(word string, candidates []string) (string, bool) {
	if len(word) > maxWord {
		return "", false
	}
	folded := fold(word)
	limit := max(1, len(folded)/3)
	best, found := "", false
	for _, c := range candidates {
		if len(c) > maxWord {
			continue
		}
		if d := distance(folded, fold(c)); d <= limit && (!found || d < distance(folded, fold(best))) {
			best, found = c, true
		}
	}
	return best, found
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "_", "-")
}

// distance is the optimal string alignment distance of a and b, in bytes.
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
