package sandbox_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/sandbox"
)

func TestValidateNamesEveryMistake(t *testing.T) {
	var zero sandbox.Policy
	if err := zero.Validate(); err != nil {
		t.Errorf("the zero policy: %v", err)
	}
	p := sandbox.Policy{
		Modes:        map[sandbox.Control]sandbox.Mode{"selinux": sandbox.Require, sandbox.Seccomp: "maybe"},
		Write:        []string{"relative"},
		LandlockABI:  -1,
		AddressSpace: 128000, // the unit was meant to be kB
	}
	err := p.Validate()
	if err == nil {
		t.Fatal("the policy was accepted")
	}
	for _, word := range []string{"selinux", "maybe", "relative", "-1", "125KiB"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("nothing about %q in %v", word, err)
		}
	}
}

func TestBytesHaveAUnit(t *testing.T) {
	for text, want := range map[string]sandbox.Bytes{"1GiB": 1 << 30, "512 MiB": 512 << 20, "3GB": 3e9, "5kB": 5000, "7B": 7, "0B": 0} {
		if got, err := sandbox.ParseBytes(text); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "128000000", "1.5GiB", "-1MiB", "MiB", "99999999999GiB", "1 TiB", "1mb"} {
		if got, err := sandbox.ParseBytes(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}
