// Package registry is how lockforge talks to registries: what it waits for, how
// long, when it asks again, and what it says when nothing helps. Images and what
// is attached to them are moved by the same rules.
package registry
