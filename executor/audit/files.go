package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names in the directory. The number has as many digits as the largest, so
// that names sort as records do.
const (
	lockName   = "audit.lock" // held by the one writer
	namePrefix = "audit-"
	nameSuffix = ".jsonl"
	nameDigits = 20
)

// maxSeq is more than any trail has; it leaves room for those that follow.
const maxSeq = 1 << 62

// nameOf is the name of the file whose first record has this number.
func nameOf(seq uint64) string {
	return fmt.Sprintf("%s%0*d%s", namePrefix, nameDigits, seq, nameSuffix)
}

// seqOf is the number in a file's name; 0 where there is none.
func seqOf(name string) uint64 {
	base := filepath.Base(name)
	digits := strings.TrimSuffix(strings.TrimPrefix(base, namePrefix), nameSuffix)
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || seq > maxSeq || base != nameOf(seq) {
		return 0
	}
	return seq
}

// list returns the paths of a directory's files in the order of their names.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the audit trail: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if seqOf(entry.Name()) > 0 {
			names = append(names, filepath.Join(dir, entry.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}
