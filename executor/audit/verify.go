package audit

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Expect says what a check knows beforehand.
type Expect struct {
	// Head is a record that was there before; without it nobody can tell
	// whether the end of the trail is missing, or all of it was written anew.
	Head Head
	// Partial allows that the first files of the trail are not given.
	Partial bool
}

// Report says what a trail has.
type Report struct {
	Files   int    `json:"files"`
	Records int    `json:"records"`
	First   uint64 `json:"first"` // number of the first record
	Last    uint64 `json:"last"`  // number of the last record
	// Head is to be kept elsewhere, and given to the next check.
	Head string `json:"head"`
	// Torn is how many bytes there are behind the last whole record: of a
	// record that is being written, or in whose midst the executor died.
	Torn     int64     `json:"torn,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	More     int       `json:"more,omitempty"` // findings that are not listed
}

// Errors of a check.
var (
	// ErrTampered is for a trail with findings.
	ErrTampered = errors.New("the audit trail is not what was written")
	// ErrEmpty is for files without any record.
	ErrEmpty = errors.New("there is no audit record")
)

// Verify checks the trail in files, and in directories that Log writes. It
// sorts them by their first record. It fails with ErrTampered, ErrEmpty or an
// error of the file system; the report says what it found even so.
func Verify(paths []string, want Expect) (Report, error) {
	files, err := expand(paths)
	if err != nil {
		return Report{}, err
	}
	c := &chain{want: want}
	for _, name := range files {
		if err := c.readFile(name); err != nil {
			return Report{}, err
		}
	}
	c.end()
	report := Report{
		Files: len(files), Records: c.records, First: c.first, Last: c.head.Seq,
		Torn: c.torn, Findings: c.findings, More: c.more,
	}
	if c.records > 0 {
		report.Head = c.head.String()
	}
	switch {
	case len(c.findings) > 0:
		return report, fmt.Errorf("%w: %d findings, first %v", ErrTampered, len(c.findings)+c.more, c.findings[0])
	case c.records == 0:
		return report, ErrEmpty
	}
	return report, nil
}

func (c *chain) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("checking the audit trail: %w", err)
	}
	defer f.Close()
	_, err = c.read(name, f)
	return err
}

// expand replaces directories by their files and sorts all of them.
func expand(paths []string) ([]string, error) {
	type place struct {
		name string
		seq  uint64
	}
	var all []place
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("checking the audit trail: %w", err)
		}
		names := []string{path}
		if info.IsDir() {
			if names, err = list(path); err != nil {
				return nil, err
			}
		} else if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("checking the audit trail: %s is no regular file", path)
		}
		for _, name := range names {
			all = append(all, place{name, firstSeq(name)})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(a.seq, b.seq) })
	var files []string
	for _, p := range all {
		if !slices.Contains(files, p.name) {
			files = append(files, p.name)
		}
	}
	return files, nil
}

// firstSeq is the number of the first record of a file; where that cannot be
// read, the number in the file's name.
func firstSeq(name string) uint64 {
	f, err := os.Open(name)
	if err != nil {
		return seqOf(name)
	}
	defer f.Close()
	line, _, err := readLine(bufio.NewReader(f))
	if r, _, bad := decode(line); err == nil && !errors.Is(bad, errForm) {
		return r.Seq
	}
	return seqOf(name)
}
