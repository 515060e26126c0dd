package facts

import (
	"cmp"
	"slices"
	"strings"
)

func sortByPlace[T any](list []T, at func(T) (string, int)) {
	slices.SortStableFunc(list, func(a, b T) int {
		pa, la := at(a)
		pb, lb := at(b)
		return cmp.Or(strings.Compare(pa, pb), cmp.Compare(la, lb))
	})
}

// sort brings every list into the one order of its image, and makes empty
// lists of those with nothing in them: they were looked for and not found.
func (f *Facts) sort() {
	sortByPlace(f.Whiteouts, func(w Whiteout) (string, int) { return w.Path, w.Layer })
	sortByPlace(f.Programs, func(p Program) (string, int) { return p.Path, p.Layer })
	slices.SortFunc(f.Tools, func(a, b Tool) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer), strings.Compare(a.Name, b.Name), strings.Compare(a.By, b.By))
	})
	f.Tools = slices.Compact(f.Tools)
	sortByPlace(f.ELF, func(e ELF) (string, int) { return e.Path, e.Layer })
	sortByPlace(f.Python, func(d Distribution) (string, int) { return d.Path, d.Layer })
	slices.SortFunc(f.Debian, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Layer, b.Layer), strings.Compare(a.Path, b.Path))
	})
	sortByPlace(f.Bytecode, func(b Bytecode) (string, int) { return b.Path, b.Layer })
	sortByPlace(f.Startup, func(s Startup) (string, int) { return s.Path, s.Layer })
	slices.SortFunc(f.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer), strings.Compare(a.What, b.What))
	})
	f.Whiteouts = append([]Whiteout{}, f.Whiteouts...)
	f.Programs = append([]Program{}, f.Programs...)
	f.Tools = append([]Tool{}, f.Tools...)
	f.ELF = append([]ELF{}, f.ELF...)
	f.Python = append([]Distribution{}, f.Python...)
	f.Debian = append([]Package{}, f.Debian...)
	f.Venvs = append([]Venv{}, f.Venvs...)
	f.Bytecode = append([]Bytecode{}, f.Bytecode...)
	f.Startup = append([]Startup{}, f.Startup...)
	f.Writable = append([]Writable{}, f.Writable...)
	f.Problems = append([]Problem{}, f.Problems...)
}
