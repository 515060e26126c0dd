package container

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindUser(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"passwd": "root:x:0:0::/root:/bin/sh\nbroken\nagent:x:1000:1001::/home/agent:\nbad:x:-1:x::/:\n",
		"group":  "root:x:0:\nstaff:x:50:agent\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for spec, want := range map[string]User{
		"":            {0, 0, "/root"},
		"agent":       {1000, 1001, "/home/agent"},
		"1000":        {1000, 1001, "/home/agent"},
		"1000:1000":   {1000, 1000, "/home/agent"},
		"agent:staff": {1000, 50, "/home/agent"},
		"65532":       {65532, 0, "/"},
		"65532:65532": {65532, 65532, "/"},
	} {
		if got, err := findUser(root, spec); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", spec, got, err, want)
		}
	}
	for _, spec := range []string{"nobody", "-5", "agent:none", "bad"} {
		if got, err := findUser(root, spec); err == nil {
			t.Errorf("%q: got %+v", spec, got)
		}
	}
}
