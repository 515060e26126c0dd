// Package dynamic answers the probes of the escape suite that have to be tried:
// it runs the image and attacks it from inside.
//
//	container.Open ─► setup: payload, interpreter, stand-in venv ─► one container per probe ─► probe.Result
//
// The attacks are the Python programs in payload/, run by an interpreter of the
// image as the image's user. Probes of tier I run in the plain profile with a
// package index that can be reached; those of tier R in the reference profile;
// those of tier X call the image's own executor, which starts the attack as a
// task: a stand-in venv has the attack where others have the datahub command.
//
// An attack says what it could do, one line each, and that it got to its end.
// Without that last line the probe was not run. An image whose interpreter lies
// could lie here too: what an image is made of, the static probes say.
package dynamic
