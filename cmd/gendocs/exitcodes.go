package main

import (
	"strconv"

	"github.com/lockforge/lockforge/builder/fault"
)

func exitCodesPage() []byte {
	rows := [][]string{{"0", "", "done"}}
	for _, kind := range fault.Kinds() {
		rows = append(rows, []string{strconv.Itoa(kind.ExitCode()), "`" + kind.String() + "`", kind.Meaning()})
	}
	var page document
	page.heading(1, "Exit codes")
	page.paragraph("`lockforge` ends with one of these. An error is printed once, to standard error, with the place it is about and a hint.")
	page.table([]string{"code", "kind", "meaning"}, rows)
	return page.Bytes()
}
