// Package wheel reads wheels the way a suspicious reader must: strictly, with
// bounds, and with one meaning only.
//
// A wheel is a ZIP archive, and ZIP lets two readers see two different sets of
// files in the same bytes. Open therefore accepts only archives that every
// reader agrees on: local headers and the central directory say the same, the
// parts follow one another without a gap, there is one end record and nothing
// before or after the archive. What the archive holds must then be what its
// RECORD says, and what METADATA and WHEEL say must fit the file name.
//
// The rules come from PKWARE's APPNOTE 6.3.10 (ZIP), the "Binary distribution
// format" and "Recording installed projects" specifications of packaging.python.org
// (PEP 427, PEP 376), PEP 440 (versions), PEP 503 (names) and PEP 566 (METADATA).
//
// Errors are of kind fault.Integrity and name the wheel and the member. The
// package uses the standard library only.
package wheel
