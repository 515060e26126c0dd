package container

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/image"
)

func describe(t *testing.T, s Spec) (config struct {
	Process struct {
		NoNewPrivileges bool
		Env             []string
		User            struct{ UID, GID int }
		Capabilities    map[string][]string
	}
	Root   struct{ Readonly bool }
	Mounts []struct {
		Destination string
		Options     []string
	}
	Linux struct {
		Seccomp   map[string]any
		Resources map[string]any
	}
}) {
	t.Helper()
	c := &Container{&Image{User: User{1000, 1001, "/home/u"}, Config: image.Config{Env: []string{"A=image", "HOME=/tmp", "broken", "PATH=/bin"}}, scratch: t.TempDir()}}
	made, err := c.config(s, "/root", "/scratch")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestPlainAddsNothingToTheImagesLock(t *testing.T) {
	got := describe(t, Spec{Profile: Plain, Env: []string{"A=run"}, Mounts: map[string]string{"/payload": "/x"}})
	if got.Process.NoNewPrivileges || got.Root.Readonly || got.Linux.Seccomp != nil || got.Process.User.UID != 1000 || got.Process.User.GID != 1001 {
		t.Errorf("got %+v", got)
	}
	if slices.Contains(got.Process.Capabilities["bounding"], "CAP_MKNOD") || got.Linux.Resources["devices"] == nil {
		t.Error("a container can make and use any device")
	}
	slices.Sort(got.Process.Env)
	if env := strings.Join(got.Process.Env, " "); env != "A=run HOME=/tmp PATH=/bin" {
		t.Errorf("the environment is %q", env)
	}
	for _, m := range got.Mounts {
		if m.Destination == "/tmp" {
			t.Error("/tmp is not the image's own")
		}
		if m.Destination == "/payload" && !slices.Contains(m.Options, "ro") {
			t.Error("a mount is writable")
		}
	}
}

func TestReferenceHasEverySetting(t *testing.T) {
	got := describe(t, Spec{Profile: Reference})
	if !got.Process.NoNewPrivileges || !got.Root.Readonly || got.Linux.Seccomp == nil {
		t.Errorf("got %+v", got)
	}
	for kind, names := range got.Process.Capabilities {
		if len(names) != 0 {
			t.Errorf("%s capabilities: %v", kind, names)
		}
	}
	for _, name := range []string{"devices", "pids", "memory"} {
		if got.Linux.Resources[name] == nil {
			t.Errorf("no bound of %s", name)
		}
	}
	scratch := slices.IndexFunc(got.Mounts, func(m struct {
		Destination string
		Options     []string
	}) bool {
		return m.Destination == "/tmp" && slices.Contains(m.Options, "noexec") && slices.Contains(m.Options, size(ScratchSize))
	})
	if scratch < 0 {
		t.Error("/tmp is not noexec and bounded")
	}
	if unlimited := describe(t, Spec{Profile: Reference, Unlimited: true}); unlimited.Linux.Resources != nil {
		t.Errorf("bounds without control groups: %v", unlimited.Linux.Resources)
	}
}
