package debian

// Exclusion is a dependency that is not followed. Package is absent from the
// image although something that is there declares it.
type Exclusion struct {
	Package  string   `json:"package"`
	NeededBy []string `json:"neededBy"` // packages that declare it, sorted; filled by a resolution
	Reason   string   `json:"reason"`
}

// excluded names every package that never enters an image, with the reason.
// That nothing shipped needs one of them after all is checked where the OS
// tree is made: every library an ELF file asks for must be in the tree.
var excluded = map[string]string{
	"dpkg":                    "package manager",
	"apt":                     "package manager",
	"debconf":                 "asks questions in maintainer scripts, none of which runs",
	"debconf-2.0":             "asks questions in maintainer scripts, none of which runs",
	"ucf":                     "configuration files of maintainer scripts, none of which runs",
	"init-system-helpers":     "starts services, none of which exists",
	"dash":                    "shell",
	"bash":                    "shell",
	"perl":                    "interpreter that no plugin uses",
	"perl-base":               "interpreter that no plugin uses",
	"liberror-perl":           "module of an interpreter that is absent",
	"coreutils":               "shell tools",
	"debianutils":             "shell tools",
	"sed":                     "shell tools",
	"grep":                    "shell tools",
	"tar":                     "archiver",
	"adduser":                 "shell tools of maintainer scripts",
	"passwd":                  "setuid programs",
	"sensible-utils":          "shell scripts",
	"openssl":                 "command-line tool; the links it owns are generated",
	"openssl-provider-legacy": "obsolete ciphers, loaded on demand only",
	"media-types":             "table for e-mail programs; Python has its own",
	"mime-support":            "table for e-mail programs; Python has its own",
	"netbase":                 "names of ports and protocols, which no connector looks up",
	"readline-common":         "documentation and defaults of interactive editing",
	"git-man":                 "manual pages",
	"gcc-12-base":             "documentation only",
	"gcc-14-base":             "documentation only",
	"libdb5.3":                "wanted by the _dbm extension only, which is dropped",
	"libdb5.3t64":             "wanted by the _dbm extension only, which is dropped",
	"libnsl2":                 "wanted by the nis extension only, which is dropped",
	"libtirpc3":               "wanted by the nis extension only, which is dropped",
	"libtirpc3t64":            "wanted by the nis extension only, which is dropped",
	"libsasl2-modules-db":     "password database of SASL servers",
	"libaudit-common":         "configuration of the audit daemon",
	"p11-kit-modules":         "access to hardware tokens",
}
