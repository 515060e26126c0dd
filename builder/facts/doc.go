// Package facts says what an image holds, read from its bytes and from nothing
// else, and compares that with what was promised.
//
// Collect reads every layer once. Match compares the outcome with a lock,
// MatchStore with the locked files themselves. Facts are what is true; what is
// acceptable is for package policy to say, except where bytes contradict the
// lock: that no policy can switch off.
package facts
