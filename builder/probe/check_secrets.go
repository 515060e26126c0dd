package probe

import (
	"regexp"
	"strconv"
	"strings"
)

var secretChecks = []check{
	{static("E11-secret-config", Critical, "No secret in variables, labels, history or annotations", "pass it when the image is run, or as a build secret; revoke what was published"),
		configSecrets},
	{static("E11-secret-file", Critical, "No secret in any file of any layer", "mount it when the image is run; revoke what was published"),
		fileSecrets},
}

var (
	secretName  = regexp.MustCompile(`(?i)(?:passwd|password|secret|token|api_?key|access_?key|private_?key|credential)`)
	anyAddress  = regexp.MustCompile(`://[^/\s:@]*:?[^/\s@]+@`)
	assignments = regexp.MustCompile(`(?i)\b[A-Z0-9_]*(?:PASSWD|PASSWORD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)[A-Z0-9_]*=([^\s;&|"']+|"[^"]+"|'[^']+')`)
)

func configSecrets(s *Scan, f *findings) {
	judge := func(where, text string) {
		if what := secretIn(text); what != "" {
			f.config(where + " holds " + what)
		}
	}
	for _, kv := range s.facts.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		judge("variable "+name, value)
		if secretName.MatchString(name) && value != "" {
			f.config("variable " + name + " has the name of a secret, and a value")
		}
	}
	for _, name := range sorted(s.facts.Config.Labels) {
		judge("label "+name, s.facts.Config.Labels[name])
	}
	judge("the manifest", s.manifest)
	for n, h := range s.facts.Config.History {
		where := "history line " + strconv.Itoa(n+1)
		judge(where, h.CreatedBy+"\n"+h.Comment+"\n"+h.Author)
		for _, m := range assignments.FindAllStringSubmatch(h.CreatedBy, -1) {
			if !strings.ContainsAny(m[1], "$") {
				f.config(where + " sets a variable with the name of a secret")
				break
			}
		}
	}
}

// secretIn names the secret that a text holds, "" where none is told.
func secretIn(text string) string {
	for _, form := range secretForms {
		if strings.Contains(text, form.anchor) && form.form.MatchString(text) {
			return form.what
		}
	}
	if anyAddress.MatchString(text) {
		return "an address with credentials in it"
	}
	return ""
}

// fileSecrets leaves out what its publisher published: a file with the hash
// that a package's own list gives it is the same for everybody who installs
// the package, a test key for instance.
func fileSecrets(s *Scan, f *findings) {
	published := s.published()
	for _, h := range s.contents {
		if h.kind == hitSecret && !published(h.path, h.layer) {
			f.add(h.layer, h.path, h.text)
		}
	}
}
