package probe

import (
	"bytes"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
)

// secretForm is one kind of secret that can be told from any text. anchor is
// looked for first, since it is cheap.
type secretForm struct {
	what   string
	anchor string
	form   *regexp.Regexp
}

// secretForms are forms that no other text has. Values that are written as
// examples all over documentation are told apart by isExample.
var secretForms = []secretForm{
	{"a private key", "PRIVATE KEY-----", regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?:\s|\\r|\\n)+(?:[A-Za-z-]+: [^\r\n]{1,100}\s+)*[A-Za-z0-9+/=]{48}`)},
	{"an AWS access key", "AKIA", regexp.MustCompile(`\bAKIA[A-Z0-9]{16}\b`)},
	{"a GitHub token", "ghp_", regexp.MustCompile(`\bghp_[A-Za-z0-9]{36}\b`)},
	{"a GitHub token", "github_pat_", regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9_]{82}\b`)},
	{"a GitLab token", "glpat-", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20}\b`)},
	{"a Slack token", "xoxb-", regexp.MustCompile(`\bxoxb-[0-9]{10,}-[0-9A-Za-z-]{20,}`)},
	{"a token of a package index", "pypi-AgE", regexp.MustCompile(`\bpypi-AgE[A-Za-z0-9_-]{60,}`)},
	{"a Google API key", "AIza", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}\b`)},
}

// in reports whether b holds such a secret that is neither an example nor
// published. What begins near the end of b is left to the next window, where
// there is one: it has the whole of it.
func (f secretForm) in(b []byte, more bool) bool {
	if !bytes.Contains(b, []byte(f.anchor)) {
		return false
	}
	for _, at := range f.form.FindAllIndex(b, -1) {
		if more && at[0] >= len(b)-overlap {
			continue
		}
		if !isExample(b[at[0]:at[1]]) && !isPublishedKey(b[at[0]:]) {
			return true
		}
	}
	return false
}

// addressForm is an address with a password in it. It is looked for in
// configuration only: documentation is full of made-up ones.
var addressForm = regexp.MustCompile(`\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@"'<>{}$%]*:[^/\s@"'<>{}$%]+@[A-Za-z0-9]`)

// credentialFiles are files whose only use is to hold credentials, with what
// says that they do.
var credentialFiles = map[string]*regexp.Regexp{
	".netrc":           regexp.MustCompile(`(?m)\bpassword\s+\S`),
	"_netrc":           regexp.MustCompile(`(?m)\bpassword\s+\S`),
	".pypirc":          regexp.MustCompile(`(?m)^\s*password\s*[:=]\s*\S`),
	".git-credentials": regexp.MustCompile(`://\S+@`),
	".pgpass":          regexp.MustCompile(`(?m)^[^#\s].*:.+`),
	".my.cnf":          regexp.MustCompile(`(?m)^\s*password\s*=\s*\S`),
	".dockercfg":       regexp.MustCompile(`"auth"\s*:\s*"[^"]`),
	"config.json":      regexp.MustCompile(`"(?:auth|identitytoken)"\s*:\s*"[^"]{4}`), // in .docker
	"auth.json":        regexp.MustCompile(`"auth"\s*:\s*"[^"]{4}`),                   // in containers
	"credentials":      regexp.MustCompile(`(?mi)^\s*(?:aws_secret_access_key|password|token)\s*=\s*\S`),
	"shadow":           regexp.MustCompile(`(?m)^[^:]+:[$][^:]+:`), // in etc
}

// directoriesOf names the directory that makes some of them what they are.
var directoriesOf = map[string]string{"config.json": ".docker", "auth.json": "containers", "shadow": "etc"}

// inspectSecrets looks for secrets in a file of any kind.
func inspectSecrets(e facts.Entry, content io.ReaderAt, buf []byte, note func(kindOfHit, string, string)) error {
	if within(e.Path, "run/secrets") {
		note(hitSecret, "", "a file of the place where secrets are mounted")
	}
	base, dir := path.Base(e.Path), path.Base(path.Dir(e.Path))
	byName := credentialFiles[base]
	if want, only := directoriesOf[base]; only && dir != want {
		byName = nil
	}
	addresses := isConfiguration(e.Path)
	told := map[string]bool{}
	tell := func(what string) {
		if !told[what] {
			told[what] = true
			note(hitSecret, "", what)
		}
	}
	return windows(content, e.Size, buf, func(b []byte, more bool) bool {
		for _, f := range secretForms {
			if f.in(b, more) {
				tell(f.what)
			}
		}
		if addresses {
			for _, m := range addressForm.FindAll(b, -1) {
				if !isExample(m) {
					tell("an address with a password in it")
				}
			}
		}
		if byName != nil && byName.Match(b) {
			tell("credentials, as the name of the file says")
		}
		return false
	})
}

// isConfiguration tells files that are written for one installation, from
// those that are published.
func isConfiguration(p string) bool {
	switch path.Base(p) {
	case "direct_url.json", "pip.conf", "pip.ini", "uv.toml", "uv-receipt.json", "sources.list", ".gitconfig", ".condarc", ".npmrc", "requirements.txt", "constraints.txt", ".env", "metadata.json", "build_info.json":
		return true
	}
	for _, dir := range []string{"etc", "root", "home", "run", "var/lib", "tmp", "app", "srv"} {
		if within(p, dir) && !strings.HasPrefix(p, "etc/ssl/certs") && !strings.HasPrefix(p, "var/lib/dpkg") {
			return true
		}
	}
	return strings.HasSuffix(p, ".git/config")
}

// isExample tells the values that documentation uses.
func isExample(b []byte) bool {
	upper := bytes.ToUpper(b)
	return bytes.Contains(upper, []byte("EXAMPLE")) || bytes.Contains(upper, []byte("XXXX"))
}
