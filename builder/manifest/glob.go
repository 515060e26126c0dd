package manifest

// The patterns here are those of Index.Packages: normalised project names in
// which "*" stands for any characters.

// covers reports whether everything that b matches is matched by a as well:
// a "*" of b must be met by one of a.
func covers(a, b string) bool { return meet(a, b, false) }

// overlap reports whether some project name matches both patterns.
func overlap(a, b string) bool { return meet(a, b, true) }

// meet matches two patterns; with both, the stars of b stand for any
// characters too. Row i of the table says for each j whether a[i:] meets
// b[j:]; rows are filled from the end of a.
func meet(a, b string, both bool) bool {
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		row := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == '*':
				row[j] = next[j] || j < len(b) && row[j+1]
			case both && j < len(b) && b[j] == '*':
				row[j] = row[j+1] || i < len(a) && next[j]
			default:
				row[j] = i < len(a) && j < len(b) && a[i] == b[j] && next[j+1]
			}
		}
		next = row
	}
	return next[0]
}
