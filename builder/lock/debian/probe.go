package debian

import (
	"bytes"
	"context"
	"time"
)

// Answer is what one mirror says about one archive.
type Answer struct {
	Mirror  Mirror
	Archive ArchiveName
	// Claimed is the Date that the Release names, whether or not it is to be
	// trusted; zero where there is none.
	Claimed time.Time
	// Err is nil where Resolve would accept the Release.
	Err error
}

// Probe asks every mirror for the Release of each archive it may serve and
// checks it as Resolve does; no package index is read. Of r it needs Suite,
// Mirrors, Getter and Now.
func Probe(ctx context.Context, r Request) []Answer {
	if r.keys == nil {
		r.keys = pinnedKeys
	}
	indexes := indexReader{getter: r.Getter}
	var answers []Answer
	for _, archive := range archives {
		keys, err := r.keys(r.Suite, archive)
		for _, m := range r.Mirrors.of(archive) {
			a := Answer{Mirror: m, Archive: archive, Err: err}
			if err == nil {
				w := want{suite: r.Suite, archive: archive, keys: keys, now: r.Now}
				a.Claimed, a.Err = indexes.probe(ctx, m, w)
			}
			answers = append(answers, a)
		}
	}
	return answers
}

func (x indexReader) probe(ctx context.Context, m Mirror, w want) (claimed time.Time, err error) {
	signed, err := x.fetch(ctx, m, "dists/"+w.archive.dir(w.suite)+"/InRelease", maxRelease)
	if err != nil {
		return time.Time{}, err
	}
	_, err = verifyRelease(signed, w)
	return claimedDate(signed), err
}

// claimedDate is the first date that a Release names, signed or not.
func claimedDate(release []byte) time.Time {
	for line := range bytes.Lines(release) {
		if value, ok := bytes.CutPrefix(line, []byte("Date:")); ok {
			date, err := parseDate(string(bytes.TrimSpace(value)))
			if err == nil {
				return date
			}
		}
	}
	return time.Time{}
}
