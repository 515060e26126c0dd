package manifest

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/suggest"
)

// maxProblems bounds what one run reports, maxKept what it sorts for that:
// more would help nobody.
const maxProblems, maxKept = 100, 2000

// problems collects what is wrong with one manifest.
type problems struct {
	list []*fault.Error
	more int // problems that were not kept
	// unread are the places whose value could not be decoded: what is checked
	// later about it would only repeat that.
	unread map[fault.Pos]bool
}

// skip keeps further problems at a place out of the list.
func (p *problems) skip(at fault.Pos) {
	if p.unread == nil {
		p.unread = map[fault.Pos]bool{}
	}
	p.unread[at] = true
}

// add notes a problem at a place. The hint may be empty.
func (p *problems) add(at fault.Pos, hint, format string, args ...any) {
	if p.unread[at] {
		return
	}
	if len(p.list) >= maxKept {
		p.more++
		return
	}
	e := fault.New(fault.Manifest, format, args...).At(at)
	if hint != "" {
		e = e.Hint("%s", hint)
	}
	p.list = append(p.list, e)
}

// err joins the problems in the order of their places; nil without any.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b *fault.Error) int {
		return cmp.Or(
			cmp.Compare(a.Pos().File, b.Pos().File),
			cmp.Compare(a.Pos().Line, b.Pos().Line),
			cmp.Compare(a.Pos().Column, b.Pos().Column),
		)
	})
	if left := len(p.list) - maxProblems; left > 0 {
		p.list = append(p.list[:maxProblems], fault.New(fault.Manifest, "and %d more problems", left+p.more))
	}
	errs := make([]error, len(p.list))
	for i, e := range p.list {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// didYouMean gives the hint for a misspelt word; the list of what is known
// where nothing is near.
func (p *problems) didYouMean(word string, known []string) string {
	if len(p.list) >= maxProblems {
		return "" // comparing words is the dearest part of a check
	}
	if best, ok := suggest.Nearest(word, known); ok {
		return "did you mean " + best + "?"
	}
	if len(known) == 0 {
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}
