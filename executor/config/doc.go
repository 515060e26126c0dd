// Package config holds what an executor is told by its environment and its
// configuration file. One table ([Settings]) says of every setting its place
// in the file, its variables, its default and its meaning; loading, printing
// and the reference page are made from it:
//
//	c, warnings, err := config.Load(os.Environ(), file)
//
// Variables are upstream's where upstream has one; those that begin with
// LOCKFORGE_EXECUTOR_ are this executor's own. A variable overrules the file,
// the file overrules the default, and an empty variable is none.
//
// Nothing in this package prints a secret: not an error, not a warning, and
// not a [Config] in any of its forms.
package config
