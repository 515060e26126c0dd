package integration_test

import (
	"strings"
	"testing"
)

const bookworm = `version: 1
name: bookworm
cli: {version: 1.7.0.17, slim: true}
plugins: [mysql]
base: {debian: {suite: bookworm}}
`

// TestBookworm builds on the other suite, whose Python is older.
func TestBookworm(t *testing.T) {
	require(t)
	w := newWorkplace(t, sharedCache, map[string]string{"m.yaml": bookworm})
	w.must(t, "lock", "m.yaml")
	w.must(t, "build", "m.yaml", "-o", "oci:image", "--metadata-file", "metadata.json")
	if metadata := readFile(t, w.path("metadata.json")); !strings.Contains(metadata, "mysql") || !strings.Contains(metadata, "passed") {
		t.Error("the metadata shows no proof of mysql")
	}
	c := open(t, "oci:"+w.path("image"))
	s := c.must(t, "", "/opt/datahub/venvs/mysql-bundled/bin/python", "-I", "-c", "import sys, pymysql; print(sys.version_info[:2])")
	if strings.TrimSpace(s.stdout) != "(3, 11)" {
		t.Errorf("Python is %s", s.stdout)
	}
}
