// Package unpack is the program that runs inside build steps: it turns locked
// files into the files of an image layer.
//
// Every step has one command, a specification at /in/spec.json, its input files
// in a plain tar at /in/pack, and writes below /out:
//
//	debs    Debian packages          -> the OS, or the interpreter
//	stdlib  the interpreter's modules -> their bytecode
//	wheels  wheels                    -> store directories with bytecode
//	tree    a list of entries         -> links, configuration, programs
//	sdist   a source archive          -> a wheel, built twice and normalised
//
// A step needs no network, no shell and no clock, and the order in which its
// workers finish reaches no output: every file, directory and link has its final
// mode, owner 0:0 and the specification's time stamp, so that a layer made from
// them is the same on every machine.
package unpack
