package main

import (
	"fmt"

	"github.com/lockforge/lockforge/builder/policy"
)

// rulePages are the pages that the rules come with, and a table of them. What
// the annotations say and the page may leave out is added below it.
func rulePages(rules []policy.Rule) map[string][]byte {
	pages := map[string][]byte{}
	var rows [][]string
	for _, r := range rules {
		rows = append(rows, []string{fmt.Sprintf("[%s](%s.md)", r.ID, r.ID), r.Severity, r.Title})
		pages[reference+"/rules/"+r.ID+".md"] = rulePage(r)
	}
	var index document
	index.heading(1, "Rules")
	index.paragraph("A locked image breaks none of these. `lockforge policy explain ID` prints a rule's page.")
	index.table([]string{"rule", "severity", "title"}, rows)
	pages[reference+"/rules/README.md"] = index.Bytes()
	return pages
}

func rulePage(r policy.Rule) []byte {
	var page document
	if r.Page != "" {
		page.block(r.Page)
	} else {
		page.heading(1, r.ID+": "+r.Title)
	}
	page.heading(2, "In short")
	rows := [][]string{
		{"holds when", r.Description},
		{"severity", r.Severity},
		{"fix", r.Fix},
		{"package", "`" + r.Package + "`"},
	}
	if r.NeedsLock {
		rows = append(rows, []string{"needs", "the lock or SBOM of the image"})
	}
	page.table([]string{"", ""}, rows)
	return page.Bytes()
}
