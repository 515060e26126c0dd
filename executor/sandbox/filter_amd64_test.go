package sandbox

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestX32CallsAreDenied(t *testing.T) {
	if got := simulate(t, filter(false), machine, x32|unix.SYS_READ); got != errnoPerm {
		t.Errorf("answer %#x", got)
	}
}
