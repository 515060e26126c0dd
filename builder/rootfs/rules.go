package rootfs

// Rule says what becomes of the files of packages whose final path fits one of
// its patterns. The first rule that fits decides; a file that none fits is
// kept. Patterns are path.Match per component, "**" any number of them.
type Rule struct {
	ID       string   `json:"id"`
	Keep     bool     `json:"keep,omitempty"`
	Patterns []string `json:"patterns"`
	Reason   string   `json:"reason"`
}

// Drop is a file that a rule leaves out.
type Drop struct {
	Package string `json:"package"`
	Path    string `json:"path"`
	Rule    string `json:"rule"`
}

// Identifiers of rules that are no path patterns.
const (
	ruleDangling = "dangling"
	ruleMerged   = "merged"
)

// Rules returns every rule in the order of trial. The last two are not decided
// by patterns.
func Rules() []Rule {
	return append(append([]Rule(nil), rules...),
		Rule{ID: ruleMerged, Reason: "what it holds is in /etc/ssl/certs/ca-certificates.crt"},
		Rule{ID: ruleDangling, Reason: "a link to something that is not in the image"})
}

var rules = []Rule{
	{ID: "licences", Keep: true, Patterns: []string{"usr/share/doc/*/copyright"},
		Reason: "licences go with what is distributed"},
	{ID: "interpreter", Keep: true, Patterns: []string{"usr/bin/python3.[0-9][0-9]"},
		Reason: "runs the connectors"},
	{ID: "c-utf8", Keep: true, Patterns: []string{"usr/lib/locale/C.utf8/**"},
		Reason: "the locale of the image, LANG=C.UTF-8"},
	{ID: "documentation", Patterns: []string{
		"usr/share/doc/**", "usr/share/man/**", "usr/share/info/**", "usr/share/doc-base/**", "usr/share/lintian/**",
		"usr/share/bug/**", "usr/share/gitweb/**", "usr/lib/python3.*/**/*.rst",
	}, Reason: "documentation, read by people or packaging tools"},
	{ID: "locales", Patterns: []string{"usr/lib/locale/**", "usr/share/locale/**", "usr/share/i18n/**", "usr/share/tabset/**"},
		Reason: "translations; the image speaks C.UTF-8"},
	{ID: "gconv", Patterns: []string{"usr/lib/*/gconv/**"},
		Reason: "character sets of iconv, which Python does without"},
	{ID: "programs", Patterns: []string{"usr/bin/**", "usr/sbin/**", "usr/games/**", "usr/libexec/**", "usr/lib/git-core/**"},
		Reason: "command-line tools: installers, shells, downloaders and everything else that no connector runs"},
	{ID: "shell-parts", Patterns: []string{
		"etc/bash_completion.d/**", "usr/share/bash-completion/**", "usr/share/perl5/**", "usr/share/git-core/contrib/**",
		"usr/share/git-core/templates/hooks/**", "var/lib/git/**",
	}, Reason: "parts of shell and perl programs that are absent"},
	{ID: "host-configuration", Patterns: []string{
		"etc/bindresvport.blacklist", "etc/default/**", "etc/gai.conf", "etc/ld.so.conf", "etc/ld.so.conf.d/**",
		"etc/ca-certificates/**", "usr/share/libc-bin/**", "usr/share/binfmts/**", "usr/lib/binfmt.d/**",
	}, Reason: "configuration of tools that are absent"},
	{ID: "debugging", Patterns: []string{
		"usr/share/gcc/**", "usr/share/gcc-*/**", "usr/share/gdb/**", "usr/lib/debug/**", "usr/lib/*/libmemusage.so",
		"usr/lib/*/libpcprofile.so", "usr/lib/*/libc_malloc_debug.so.*", "usr/lib/*/libthread_db.so.*", "usr/lib/*/libdrop_ambient.so.*",
	}, Reason: "aids for debuggers and profilers, among them libraries made for preloading"},
	{ID: "crypto-modules", Patterns: []string{"usr/lib/*/engines-*/**", "usr/lib/*/ossl-modules/**"},
		Reason: "loadable crypto engines and obsolete ciphers"},
	{ID: "zones", Patterns: []string{"usr/share/zoneinfo/right/**", "usr/share/zoneinfo/posix/**"},
		Reason: "second copies of the time zones"},
	{ID: "installer-modules", Patterns: []string{
		"usr/lib/python3.*/ensurepip/**", "usr/lib/python3.*/venv/**", "usr/lib/python3.*/distutils/**",
		"usr/lib/python3.*/lib2to3/**", "usr/lib/python3/dist-packages/**", "usr/share/python-wheels/**",
	}, Reason: "modules that install or build packages"},
	{ID: "desktop-modules", Patterns: []string{
		"usr/lib/python3.*/idlelib/**", "usr/lib/python3.*/tkinter/**", "usr/lib/python3.*/turtledemo/**", "usr/lib/python3.*/turtle.py",
	}, Reason: "modules for a desktop"},
	{ID: "test-modules", Patterns: []string{
		"usr/lib/python3.*/test/**", "usr/lib/python3.*/**/tests/**", "usr/lib/python3.*/lib-dynload/_test*.so",
		"usr/lib/python3.*/lib-dynload/_ctypes_test.*.so", "usr/lib/python3.*/lib-dynload/_xxtestfuzz.*.so",
		"usr/lib/python3.*/lib-dynload/xx*.so", "usr/lib/python3.*/__phello__/**",
	}, Reason: "the interpreter's own tests"},
	{ID: "absent-libraries", Patterns: []string{"usr/lib/python3.*/lib-dynload/nis.*.so", "usr/lib/python3.*/lib-dynload/_dbm.*.so"},
		Reason: "extensions whose libraries are left out: NIS and Berkeley DB"},
	{ID: "start-up", Patterns: []string{"usr/lib/python3.*/sitecustomize.py", "etc/python3.*/**", "usr/lib/python3.*/EXTERNALLY-MANAGED"},
		Reason: "code that runs at every start, and a note to installers"},
	{ID: "bytecode", Patterns: []string{"usr/lib/python3.*/**/__pycache__/**"},
		Reason: "bytecode is compiled in the build"},
}

// decide returns the rule that leaves a path out, or "". Allowed programs come
// before every rule.
func decide(name string, programs []string) string {
	for _, pattern := range programs {
		if match(pattern, name) {
			return ""
		}
	}
	for _, r := range rules {
		for _, pattern := range r.Patterns {
			if match(pattern, name) {
				if r.Keep {
					return ""
				}
				return r.ID
			}
		}
	}
	return ""
}
