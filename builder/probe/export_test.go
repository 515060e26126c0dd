package probe

import "slices"

// Mutant is Static with the check of one probe replaced by one that always
// comes to the same.
func Mutant(id string, always Outcome) func(*Scan) []Result {
	mutated := slices.Clone(checks)
	for n, c := range mutated {
		if c.ID == id {
			mutated[n].run = func(_ *Scan, f *findings) {
				switch always {
				case Fail:
					f.config("whatever it is")
				case NotRun:
					f.notRun("no reason")
				}
			}
		}
	}
	return func(s *Scan) []Result { return answer(s, mutated) }
}
