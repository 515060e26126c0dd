package service

import (
	"os"
	"strings"
	"testing"
)

func TestShrinkGivesBackPagesOfTheProgram(t *testing.T) {
	before := mapped(t)
	if err := shrink(); err != nil {
		t.Fatal(err)
	}
	if after := mapped(t); after >= before {
		t.Errorf("%d KiB of files were mapped before, %d KiB after", before, after)
	}
}

// mapped is how much of files is in this process's memory, in KiB.
func mapped(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "RssFile:"); ok {
			for _, digit := range value {
				if digit >= '0' && digit <= '9' {
					kib = kib*10 + int(digit-'0')
				}
			}
		}
	}
	return kib
}
