// Package recipe reads ingestion recipes and judges them by a policy, before
// any Python sees them:
//
//	YAML or JSON ─► Parse ─► *Recipe ─► Policy.Check ─► Verdict
//	                            └─────► Canonical ─► the child's standard input
//
// What is judged is what runs. Two readers of one text can disagree: about a
// key given twice, an alias, or whether `022` is a number. So the text is read
// once, anything that readers disagree about is refused, and the child gets
// the canonical form, which is JSON and means the same to every reader, the
// CLI's YAML 1.1 loader included.
//
// The package imports the standard library, executor/contract and
// gopkg.in/yaml.v3, and is the only one of the executor to import the last.
package recipe
