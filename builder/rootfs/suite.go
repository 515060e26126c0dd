package rootfs

// Suite is one Debian release that an OS part can be made from.
type Suite struct {
	Codename  string
	VersionID string // "13"
	Python    string // minor version of the release's interpreter, "3.13"
}

var suites = []Suite{
	{Codename: "trixie", VersionID: "13", Python: "3.13"},
	{Codename: "bookworm", VersionID: "12", Python: "3.11"},
}

// Suites lists the supported releases, the default one first.
func Suites() []Suite { return append([]Suite(nil), suites...) }

// FindSuite looks a release up by its codename.
func FindSuite(codename string) (Suite, bool) {
	for _, s := range suites {
		if s.Codename == codename {
			return s, true
		}
	}
	return Suite{}, false
}
