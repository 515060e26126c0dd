package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxFindings bounds how many findings are listed.
const MaxFindings = 1000

// Finding is a place where the trail is not what was written.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1
	Problem string `json:"problem"`
}

func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Problem) }

// chain follows records and notes where they do not follow one another.
type chain struct {
	want Expect

	records  int
	start    Finding // the place of the first record
	first    uint64  // its seq
	kept     uint64  // the highest seq before which the executor removed files
	head     Head    // the last record; its hash as it names it
	met      bool    // the expected head was there, or a finding was made of it
	torn     int64   // bytes behind the last newline of the last file
	tornAt   Finding
	findings []Finding
	more     int // findings beyond MaxFindings
}

// read follows a file to its end. It returns how many whole lines that has.
func (c *chain) read(name string, r io.Reader) (lines int, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, length, err := readLine(in)
		if errors.Is(err, io.EOF) {
			c.settle()
			c.torn, c.tornAt = length, Finding{name, lines + 1, "the file ends within a record"}
			return lines, nil
		}
		if err != nil {
			return lines, fmt.Errorf("reading %s: %w", name, err)
		}
		lines++
		c.follow(Finding{File: name, Line: lines}, line)
	}
}

// readLine returns a line without its newline, but no more than what shows that
// it is too long, and its length in the file. Behind the last newline it fails
// with io.EOF.
func readLine(in *bufio.Reader) (line []byte, length int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		length += int64(len(part))
		if len(line) <= maxLine {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(line, []byte{'\n'}), length, err
		}
	}
}

// follow takes the next line of the trail.
func (c *chain) follow(at Finding, line []byte) {
	c.settle()
	if len(line) > maxLine {
		c.find(at, "the line is longer than any record")
		return
	}
	r, hash, err := decode(line)
	if errors.Is(err, errForm) {
		c.find(at, "%v", err)
		return
	}
	if err != nil {
		c.find(at, "record %d: %v", r.Seq, err)
	}
	if c.records == 0 {
		c.begin(at, r)
	} else {
		c.join(at, r)
	}
	c.records++
	c.head = Head{r.Seq, hash}
	if r.Kind == KindRotation && r.Detail != nil && err == nil {
		c.kept = max(c.kept, r.Detail.Kept)
	}
	if c.want.Head.Seq == r.Seq {
		c.met = true
		if c.want.Head.Hash != hash {
			c.find(at, "record %d is another one than that of the expected head", r.Seq)
		}
	}
}

func (c *chain) begin(at Finding, r record) {
	c.start, c.first = at, r.Seq
	if r.Seq == 1 && r.Prev != genesis {
		c.find(at, "record 1 follows another one")
	}
}

func (c *chain) join(at Finding, r record) {
	switch {
	case r.Seq > c.head.Seq+1:
		c.find(at, "records %d to %d are missing before this one", c.head.Seq+1, r.Seq-1)
	case r.Seq <= c.head.Seq:
		c.find(at, "record %d stands behind record %d", r.Seq, c.head.Seq)
	case r.Prev != c.head.Hash:
		c.find(at, "record %d does not follow the record %d that is here", r.Seq, c.head.Seq)
	}
}

// settle makes a finding of a torn end behind which the trail goes on.
func (c *chain) settle() {
	if c.torn > 0 {
		c.find(c.tornAt, "%s", c.tornAt.Problem)
		c.torn = 0
	}
}

// end judges the trail as a whole.
func (c *chain) end() {
	if c.records == 0 {
		return
	}
	if c.first > 1 && c.first > c.kept && !c.want.Partial {
		c.find(c.start, "the trail begins with record %d, and no record says that the executor removed those before", c.first)
	}
	if c.want.Head.Seq != 0 && !c.met {
		c.find(Finding{File: c.start.File, Line: 1}, "record %d of the expected head is missing; the trail has records %d to %d",
			c.want.Head.Seq, c.first, c.head.Seq)
	}
}

func (c *chain) find(at Finding, format string, args ...any) {
	if len(c.findings) == MaxFindings {
		c.more++
		return
	}
	at.Problem = fmt.Sprintf(format, args...)
	c.findings = append(c.findings, at)
}
