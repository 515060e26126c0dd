// Package depcheck holds the rules of who may import whom. They are tests of
// the module's import graph; a broken rule is printed with the path of imports
// that breaks it.
package depcheck
