package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:secret@mirror.example:8443/simple/": "https://mirror.example:8443/simple/",
		"https://secret@mirror.example/simple":            "https://mirror.example/simple",
		"https://mirror.example/simple?token=secret#x":    "https://mirror.example/simple",
		"https://user:sec%zzret@mirror.example/simple":    "...@mirror.example/simple",
		"user:secret@mirror.example":                      "...@mirror.example",
		"no address":                                      "no address",
	} {
		if got := manifest.Redact(address); got != want {
			t.Errorf("Redact(%q) = %q, want %q", address, got, want)
		}
	}
}

// A credential may stand in any place of a manifest, right or wrong; no
// message and no printed form may repeat it.
func TestCredentialsAreNeverShown(t *testing.T) {
	const address = "https://user:hunter2@mirror.example/simple"
	m, err := load(full)
	if err != nil {
		t.Fatal(err)
	}
	m.Indexes.Default.URL = address
	m.Indexes.Default.Mirrors = []string{address}
	encoded, err := json.Marshal(map[string]any{"m": m, "i": m.Indexes, "d": *m.Indexes.Default})
	if err != nil {
		t.Fatal(err)
	}
	yamlForm, err := manifest.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(encoded) + string(yamlForm) + fmt.Sprintf("%v %+v %#v %s %v %+v", m.Indexes, m.Indexes, *m.Indexes.Default, m.Indexes.Default, m.Indexes.Extra, *m)
	if strings.Contains(shown, "hunter2") {
		t.Errorf("the password is shown in %s", shown)
	}

	head := "version: 1\ncli: {version: \"1.0\"}\nplugins: [mysql]\n"
	for _, text := range []string{
		head + "indexes: {default: \"" + address + "\"}\n",
		head + "indexes: {default: {url: \"" + address + "?x\"}}\n",
		head + "indexes: {default: {url: \"https://user:hunter2@mirror.example:port/\"}}\n",
		head + "indexes: {default: {url: \"https://user:hunter2@%zz/\"}}\n",
		head + "indexes: {extra: [{url: \"" + address + "\"}]}\n",
		head + "indexes: {extra: [\"" + address + "\"]}\n",
		head + "base: {debian: {mirrors: [\"" + address + "\"]}}\n",
		head + "base: {image: \"" + address + "\"}\n",
		head + "venvPath: " + address + "\n",
		head + "\"" + address + "\": 1\n",
		"version: 1\ncli: {version: \"" + address + "\"}\nplugins: [\"" + address + "\"]\n",
		"BUNDLED_CLI_VERSION=1\nBUNDLED_VENV_PLUGINS=" + address + "\nPIP_INDEX_URL=" + address + "?q\nEXTRA_INDEX_URLS=" + address + "\n",
		"BUNDLED_CLI_VERSION=1\nBUNDLED_VENV_PLUGINS=s3\nUV_PROFILE=" + address + "\nBUNDLED_VENV_SLIM_MODE=" + address + "\n",
	} {
		_, err := load(text)
		if err == nil {
			t.Errorf("%q is accepted", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

// Words of a manifest appear in messages quoted, whatever they hold: a
// terminal must not obey them.
func TestMessagesHoldNoControlCharacters(t *testing.T) {
	const evil = `"a\e[2Jb"`
	head := "version: 1\ncli: {version: \"1.0\"}\nplugins: [mysql, " + evil + "]\n"
	text := head + "name: " + evil + "\ngroups: {" + evil + ": [x], a: [" + evil + "], b: {plugins: [mysql], primary: " + evil + "}}\n" +
		evil + ": 1\ncustom: [{name: " + evil + ", requirements: [" + evil + "], source: " + evil + "}]\n" +
		"indexes: {default: {name: " + evil + ", url: " + evil + "}, extra: [{name: " + evil + ", url: \"https://x.example\", packages: [" + evil + "]}]}\n" +
		"wheels: [{path: " + evil + ", sha256: " + evil + "}, {path: \"x\\e.whl\", sha256: x}, {path: \"x\\e.whl\", sha256: x}]\n" +
		"reviewed: [{file: " + evil + ", sha256: " + evil + ", reason: x}]\nallow: [{program: " + evil + ", reason: x}, {program: " + evil + ", reason: x}]\n" +
		"base: {debian: {suite: " + evil + ", mirrors: [" + evil + "]}, image: " + evil + ", layout: " + evil + "}\nvenvPath: " + evil + "\n" +
		"layers: {compression: " + evil + "}\nplatforms: [" + evil + ", " + evil + "]\nresolve: {cooldown: " + evil + "}\n"
	_, err := load(text)
	_, envErr := manifest.FromEnv([]string{"BUNDLED_\x1b=1", "BUNDLED_VENV_PLUGINS_\x1b=x", "BUNDLED_CLI_VERSION=\x1b", "BUNDLED_VENV_PLUGINS=\x1b", "UV_PROFILE=\x1b"}, "")
	for _, e := range append(fault.All(err), fault.All(envErr)...) {
		if shown := e.Error() + strings.Join(fault.Hints(e), ""); strings.ContainsRune(shown, '\x1b') {
			t.Errorf("a control character is shown: %q", shown)
		}
	}
	if got := len(fault.All(err)); got < 25 {
		t.Errorf("only %d problems are found: %v", got, err)
	}
}
