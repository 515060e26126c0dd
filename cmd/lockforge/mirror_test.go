package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

// cliVersion is the release of the CLI that the mirror has.
const cliVersion = "1.7.0.17"

// mirror is an index with one small release of the DataHub CLI, and the
// troubles that an index can have: what it does is the first part of the path.
//
//	/good/   nothing wrong
//	/login/  wants user "robot" with password "s3cret"
//	/html/   answers files with a web page
//	/wrong/  answers files with other bytes of the same length
//	/short/  ends in the middle of a file
//	/slow/   never answers
//	/broken/ answers 503
//	/v2/     is a registry that refuses
type mirror struct {
	*httptest.Server
	name    string // of the CLI's wheel
	wheel   []byte
	waiting chan struct{} // one value for each request that /slow/ holds
	closing chan struct{}
}

func newMirror(t *testing.T) *mirror {
	b := cliWheel()
	m := &mirror{name: b.Filename(), wheel: b.Bytes(t), waiting: make(chan struct{}, 100), closing: make(chan struct{})}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	t.Cleanup(func() { close(m.closing) })
	return m
}

// cliWheel is a release that has some of the real one's plugins and extras.
func cliWheel() *wheeltest.Builder {
	const sources = "datahub.ingestion.source.plugins"
	b := wheeltest.New("acryl-datahub", cliVersion).
		Header("Requires-Python", ">=3.10").
		EntryPoint("console_scripts", "datahub", "datahub.entrypoints:main").
		File("datahub/__init__.py", "").
		File("datahub/entrypoints.py", "def main():\n    pass\n")
	for _, plugin := range []string{"file", "mysql", "postgres", "snowflake", "s3", "db2", "unity-catalog"} {
		b.EntryPoint(sources, plugin, "datahub.ingestion.source."+strings.ReplaceAll(plugin, "-", "_")+":Source")
	}
	for _, extra := range []string{"mysql", "postgres", "snowflake", "s3", "s3-slim", "db2", "datahub-rest", "datahub-kafka", "unity-catalog"} {
		b.Header("Provides-Extra", extra)
	}
	return b.Requires(`PyMySQL>=1; extra == "mysql"`, `ibm-db; platform_machine == "x86_64" and extra == "db2"`)
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	trouble, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch trouble {
	case "v2":
		http.Error(w, `{"errors":[{"code":"DENIED","message":"not for you"}]}`, http.StatusForbidden)
		return
	case "slow":
		m.waiting <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-m.closing:
		}
		return
	case "broken":
		http.Error(w, "overloaded", http.StatusServiceUnavailable)
		return
	case "login":
		if user, password, ok := r.BasicAuth(); !ok || user != "robot" || password != "s3cret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
	}
	switch rest {
	case "simple/acryl-datahub/":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<a href=\"../../files/%s#sha256=%s\">%s</a>\n", m.name, hashOf(m.wheel), m.name)
	case "files/" + m.name:
		m.file(w, r, trouble)
	default:
		http.NotFound(w, r)
	}
}

func (m *mirror) file(w http.ResponseWriter, r *http.Request, trouble string) {
	content := m.wheel
	switch trouble {
	case "html":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>Please sign in</body></html>")
		return
	case "wrong":
		content = bytes.Repeat([]byte("x"), len(content))
	case "short":
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		return
	}
	http.ServeContent(w, r, m.name, time.Time{}, bytes.NewReader(content))
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
