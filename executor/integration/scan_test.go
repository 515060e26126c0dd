package integration_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// trail has the audit trail checked by the executor's own command.
func (p *place) trail() {
	p.t.Helper()
	if out, err := exec.Command(program(p.t), "audit", "verify", p.path("audit")).CombinedOutput(); err != nil {
		p.t.Errorf("the audit trail: %v\n%s", err, tail(string(out)))
	}
}

// audited tells whether the audit trail names a run.
func (p *place) audited(id string) bool {
	p.t.Helper()
	files, err := filepath.Glob(p.path("audit/*.jsonl"))
	must(p.t, err)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), `"`+id+`"`) {
			return true
		}
	}
	return false
}

// noSecret looks for the password and the token in every byte that executors
// of this place have given away: to the server, to the log, to the disk.
func (p *place) noSecret() {
	p.t.Helper()
	for _, e := range p.gms.Exchanges() {
		e.Header = e.Header.Clone()
		e.Header.Del("Authorization") // where the token belongs
		text, err := json.Marshal(e)
		must(p.t, err)
		p.find("exchange "+e.Method+" "+e.Path, string(text)+e.Body+e.Response)
	}
	for _, said := range p.spoken {
		p.find("output of an executor", said)
	}
	for _, dir := range []string{"state", "state2", "audit", "audit2", "logs", "logs2", "work", "work2", "datahub", "evidence"} {
		p.findBelow(p.path(dir))
	}
}

// noSecretIn looks at what everybody of the same user can see of a process.
func (p *place) noSecretIn(pid int) {
	p.t.Helper()
	for _, name := range []string{"environ", "cmdline"} {
		file := filepath.Join("/proc", strconv.Itoa(pid), name)
		text, err := os.ReadFile(file)
		if err != nil || len(text) == 0 {
			p.t.Errorf("%s cannot be searched: %d bytes, %v", file, len(text), err)
		}
		p.find(file, string(text))
	}
}

func (p *place) findBelow(dir string) {
	p.t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		p.find(path, string(text))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		p.t.Error(err)
	}
}

func (p *place) find(where, text string) {
	p.t.Helper()
	for name, secret := range map[string]string{"password": p.password, "second password": p.second, "token": p.token} {
		if secret == "" {
			continue
		}
		for form, look := range forms(secret) {
			if at := strings.Index(text, look); at >= 0 {
				p.t.Errorf("%s has the %s, %s: %.300q", where, name, form, text[max(0, at-100):])
			}
		}
	}
}

// forms are what a secret looks like to those who know how to read it.
func forms(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	found := map[string]string{
		"plain": secret, "as JSON": strings.Trim(string(quoted), `"`), "in Go's quotes": strings.Trim(strconv.Quote(secret), `"`),
		"in a query": url.QueryEscape(secret), "in a path": url.PathEscape(secret), "in hexadecimal": hex.EncodeToString([]byte(secret)),
		"in upper case": strings.ToUpper(secret),
	}
	for shift := range 3 {
		for name, encoding := range map[string]*base64.Encoding{"base64 ": base64.StdEncoding, "base64url ": base64.URLEncoding} {
			text := encoding.EncodeToString([]byte("..."[:shift] + secret))
			// The first and last characters depend on what stands around it.
			found[name+strconv.Itoa(shift)] = text[4 : len(text)-4]
		}
	}
	return found
}

// TestTheSearchFindsSecrets: without it the searches above could be blind.
func TestTheSearchFindsSecrets(t *testing.T) {
	for form, look := range forms("hunter2-hunter2") {
		if len(look) < 8 {
			t.Errorf("%s: %q is found in too many places", form, look)
		}
	}
	for _, text := range []string{"x hunter2-hunter2 y", base64.StdEncoding.EncodeToString([]byte("a:hunter2-hunter2")), "HUNTER2-HUNTER2"} {
		hit := false
		for _, look := range forms("hunter2-hunter2") {
			hit = hit || strings.Contains(text, look)
		}
		if !hit {
			t.Errorf("the secret is not found in %q", text)
		}
	}
}
