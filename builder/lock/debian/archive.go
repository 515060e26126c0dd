package debian

import "github.com/lockforge/lockforge/builder/lock"

// ArchiveName is one of the three archives a suite is made of.
type ArchiveName string

const (
	Main     ArchiveName = "main"     // the release, with its point releases
	Updates  ArchiveName = "updates"  // urgent changes between point releases
	Security ArchiveName = "security" // security fixes, below a root of its own
)

// archives lists every archive, in the order they are read.
var archives = []ArchiveName{Main, Updates, Security}

// dir is the archive's directory below "dists/", and its signed Codename
// (updates: the Codename is the release's with the same suffix).
func (a ArchiveName) dir(suite string) string {
	if a == Main {
		return suite
	}
	return suite + "-" + string(a)
}

// label is the signed Label that tells the security archive from the others.
func (a ArchiveName) label() string {
	if a == Security {
		return "Debian-Security"
	}
	return "Debian"
}

// Origin is the lock.File origin of the archive's packages.
func Origin(archive string) string { return "debian:" + archive }

// previousDate returns the date a lock holds of an archive, "" for none.
func previousDate(previous []lock.Archive, a ArchiveName) string {
	for _, p := range previous {
		if p.Name == string(a) {
			return p.Date
		}
	}
	return ""
}
