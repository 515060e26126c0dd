package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLists(t *testing.T) {
	for text, want := range map[string][]string{
		"/data/a, /data/b":                      {"/data/a", "/data/b"},
		`["/data/a,b","/data/c"]`:               {"/data/a,b", "/data/c"},
		`[ "/data/ends in space ", "/\u00e9" ]`: {"/data/ends in space ", "/é"},
		`/data/[x]`:                             {"/data/[x]"},
	} {
		c, _ := load(t, "", quiet, "LOCKFORGE_EXECUTOR_SANDBOX_WRITE="+text)
		if diff := cmp.Diff(want, c.Sandbox.Write); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	c, _ := load(t, "", quiet, "LOCKFORGE_EXECUTOR_SOURCES=kafka", "KAFKA_BOOTSTRAP_SERVER=[::1]:9092,[::2]:9092")
	if diff := cmp.Diff([]string{"[::1]:9092", "[::2]:9092"}, c.Kafka.Brokers); diff != "" {
		t.Errorf("brokers (-want +got):\n%s", diff)
	}
	file := write(t, "auth: {type: none}\nsandbox:\n  write: ['/data/a,b', /data/c]\n")
	c, _ = load(t, file)
	if diff := cmp.Diff([]string{"/data/a,b", "/data/c"}, c.Sandbox.Write); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestListsThatAreNone(t *testing.T) {
	for _, text := range []string{`["/a`, `["/a", 1]`, `["/a"] "/b"`, `["/a"],/b`, `["/a", ["/b"]]`, `["/a", ""]`, `["/a", "/a"]`, `["a"]`} {
		problems := refuse(t, "", quiet, "LOCKFORGE_EXECUTOR_SANDBOX_WRITE="+text)
		if diff := cmp.Diff([]string{"LOCKFORGE_EXECUTOR_SANDBOX_WRITE"}, places(problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestShownListsAreUnambiguous: the digest of the configuration is made of
// what is shown.
func TestShownListsAreUnambiguous(t *testing.T) {
	one, _ := load(t, "", quiet, `LOCKFORGE_EXECUTOR_SANDBOX_READ=["/a,/b"]`)
	two, _ := load(t, "", quiet, "LOCKFORGE_EXECUTOR_SANDBOX_READ=/a,/b")
	if one.String() == two.String() {
		t.Error("one directory and two look alike")
	}
	again, _ := load(t, "", quiet, `LOCKFORGE_EXECUTOR_SANDBOX_READ=["/a", "/b"]`)
	if diff := cmp.Diff(two.String(), again.String()); diff != "" {
		t.Errorf("the same list, written in two ways (-want +got):\n%s", diff)
	}
}
