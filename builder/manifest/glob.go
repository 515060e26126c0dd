package manifest

// overlap reports whether some project name matches both patterns, in which
// "*" stands for any characters.
func overlap(a, b string) bool {
	// meet[j] says whether what is left of a, from i on, meets b[j:]. Rows are
	// filled from the end of a.
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		row := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == '*':
				row[j] = next[j] || j < len(b) && row[j+1]
			case j < len(b) && b[j] == '*':
				row[j] = row[j+1] || i < len(a) && next[j]
			default:
				row[j] = i < len(a) && j < len(b) && a[i] == b[j] && next[j+1]
			}
		}
		next = row
	}
	return next[0]
}

// Matches reports whether a normalised project name matches a pattern of
// Index.Packages.
func Matches(pattern, project string) bool { return overlap(pattern, project) }
