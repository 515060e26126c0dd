package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// listed returns a command and those below it that are no secret, each before
// its subcommands.
func listed(cmd *cobra.Command) []*cobra.Command {
	if cmd.Hidden {
		return nil
	}
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, listed(sub)...)
	}
	return all
}

// pageName is the file of a command's page: "lockforge policy list" is in
// policy-list.md.
func pageName(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "README.md"
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return strings.ReplaceAll(path, " ", "-") + ".md"
}

func commandPages(commands []*cobra.Command) map[string][]byte {
	pages := map[string][]byte{}
	for _, cmd := range commands {
		pages[reference+"/cli/"+pageName(cmd)] = commandPage(cmd)
	}
	return pages
}

func commandPage(cmd *cobra.Command) []byte {
	var page document
	page.heading(1, cmd.CommandPath())
	page.paragraph("%s.", cmd.Short)
	if cmd.Long != "" {
		page.paragraph("%s", cmd.Long)
	}
	if cmd.Runnable() {
		page.code(cmd.UseLine())
	}
	if cmd.Example != "" {
		page.code(cmd.Example)
	}
	var rows [][]string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			rows = append(rows, []string{fmt.Sprintf("[%s](%s)", sub.CommandPath(), pageName(sub)), sub.Short})
		}
	}
	if len(rows) > 0 {
		page.heading(2, "Commands")
		page.table([]string{"command", "does"}, rows)
	}
	flagTable(&page, "Flags", cmd.NonInheritedFlags())
	flagTable(&page, "Flags of every command", cmd.InheritedFlags())
	return page.Bytes()
}

func flagTable(page *document, title string, flags *pflag.FlagSet) {
	var rows [][]string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "`--" + strings.TrimSpace(f.Name+" "+kind) + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		rows = append(rows, []string{name, usage, defaultOf(f)})
	})
	if len(rows) > 0 {
		page.heading(2, title)
		page.table([]string{"flag", "meaning", "default"}, rows)
	}
}

// defaultOf is a flag's default, "" where it is the absence of a value.
func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "[]", "false", "0", "0s":
		return ""
	}
	return "`" + f.DefValue + "`"
}

// helpText is what --help prints, for all commands in one text.
func helpText(commands []*cobra.Command) []byte {
	var b bytes.Buffer
	for _, cmd := range commands {
		cmd.InitDefaultHelpFlag()
		fmt.Fprintf(&b, "=== %s --help\n%s\n\n%s", cmd.CommandPath(), cmp.Or(cmd.Long, cmd.Short), cmd.UsageString())
	}
	return b.Bytes()
}
