package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
)

// What a mirror's newest date says about this machine's clock: the security
// archive is renewed every few days and never made in the future.
const (
	maxBehind = 10 * time.Minute
	maxAhead  = 14 * 24 * time.Hour
)

// mirrors checks the OS mirrors, and the clock by what they say.
func (h Host) mirrors(ctx context.Context) []Check {
	const name = "mirrors"
	base := &manifest.Debian{Suite: manifest.DefaultSuite}
	if h.Manifest != nil {
		base = h.Manifest.Base.Debian
	}
	if base == nil {
		return []Check{ok(name, "not needed: the manifest's base is an image")}
	}
	const fix = "set base.debian.mirrors in the manifest, or mend this host's apt sources"
	found, err := debian.FindMirrors(base, h.Files)
	if err != nil {
		return []Check{failed(name, fix, err)}
	}
	none, err := index.NoIndexes(h.Index)
	if err != nil {
		return []Check{failed(name, fix, err)}
	}
	client := index.NewClient(none, quick())
	defer client.Close()
	answers := h.Probe(ctx, debian.Request{
		Suite: base.Suite, Mirrors: debian.AptCredentials(found, h.Files), Getter: client, Now: h.Now(),
	})
	return []Check{archives(answers, fix), clock(answers, h.Now())}
}

// archives wants one mirror for each archive; the others may fail.
func archives(answers []debian.Answer, fix string) Check {
	const name = "mirrors"
	var served []debian.ArchiveName
	var failures, places []string
	var broken error
	for _, a := range answers {
		if place := fmt.Sprintf("%s (from %s)", a.Mirror, a.Mirror.From); !slices.Contains(places, place) {
			places = append(places, place)
		}
		if a.Err == nil {
			served = append(served, a.Archive)
		}
	}
	for _, a := range answers {
		if a.Err == nil {
			continue
		}
		failures = append(failures, fmt.Sprintf("%s: %s", a.Archive, oneLine(a.Err.Error())))
		if !slices.Contains(served, a.Archive) {
			broken = cmp.Or(broken, a.Err)
		}
	}
	switch {
	case broken != nil:
		c := failed(name, fix, broken)
		c.Found = strings.Join(failures, "; ")
		return c
	case len(served) == 0:
		return fail(name, fix, "no archive was asked for")
	case len(failures) > 0:
		return warn(name, fix, "another mirror serves what these do not: %s", strings.Join(failures, "; "))
	}
	return ok(name, "%s", strings.Join(places, ", "))
}

func clock(answers []debian.Answer, now time.Time) Check {
	const name, fix = "clock", "set the clock, for example by NTP: signatures are checked against it"
	var newest time.Time
	for _, a := range answers {
		if a.Claimed.After(newest) {
			newest = a.Claimed
		}
	}
	switch age := now.Sub(newest); {
	case newest.IsZero():
		return warn(name, fix, "no mirror answered, so there is nothing to compare it with")
	case age < -maxBehind:
		return fail(name, fix, "it is behind: a mirror was renewed %s, which has not come yet", newest.Format(time.RFC3339))
	case age > maxAhead:
		return warn(name, fix+"; or use a mirror that is kept up to date", "it is ahead, or the mirrors are out of date: renewed %s", newest.Format(time.RFC3339))
	}
	return ok(name, "agrees with the mirrors")
}
