package logs

import (
	"fmt"
	"strings"
)

// Default numbers of lines that are kept: 2,000, as upstream does, but not only
// of the end: what a run set out to do stands at its beginning.
const (
	DefaultHead = 500
	DefaultTail = 1500
)

// kept has the first and the last lines of a log.
type kept struct {
	head, tail   [][]byte
	heads, tails int // how many lines each may have
	next         int // in tail: the oldest, where it is full
	count        int64
}

func newKept(head, tail int) kept {
	if head == 0 {
		head = DefaultHead
	}
	if tail == 0 {
		tail = DefaultTail
	}
	return kept{heads: head, tails: tail}
}

func (k *kept) add(line []byte, mark string) {
	k.count++
	switch {
	case len(k.head) < k.heads:
		k.head = append(k.head, fill(nil, line, mark))
	case len(k.tail) < k.tails:
		k.tail = append(k.tail, fill(nil, line, mark))
	default:
		k.tail[k.next] = fill(k.tail[k.next], line, mark)
		if k.next++; k.next == len(k.tail) {
			k.next = 0
		}
	}
}

// fill puts a line into a slot, whose memory is used again.
func fill(slot, line []byte, mark string) []byte {
	return append(append(slot[:0], line...), mark...)
}

func (k *kept) leftOut() int64 { return k.count - int64(len(k.head)+len(k.tail)) }

// report joins the lines, with one for those left out, within limit bytes.
// Three quarters of the bytes are the end's where there are too many.
func (k *kept) report(limit int) string {
	const noteBytes = 64
	lines := make([][]byte, 0, len(k.head)+len(k.tail))
	lines = append(append(append(lines, k.head...), k.tail[k.next:]...), k.tail[:k.next]...)
	heads, tails := len(k.head), len(k.tail) // how many of each are in the report
	if size(lines)+noteBytes > limit {
		tails = fitting(len(lines), func(i int) int { return len(lines[len(lines)-1-i]) + 1 }, (limit-noteBytes)/4*3)
		left := limit - noteBytes - size(lines[len(lines)-tails:])
		heads = fitting(len(lines)-tails, func(i int) int { return len(lines[i]) + 1 }, left)
	}
	var text strings.Builder
	for _, line := range lines[:heads] {
		text.Write(line)
		text.WriteByte('\n')
	}
	if leftOut := k.count - int64(heads+tails); leftOut > 0 && limit >= noteBytes {
		fmt.Fprintf(&text, "[... %d lines left out ...]\n", leftOut)
	}
	for _, line := range lines[len(lines)-tails:] {
		text.Write(line)
		text.WriteByte('\n')
	}
	return text.String()
}

func size(lines [][]byte) int {
	total := len(lines)
	for _, line := range lines {
		total += len(line)
	}
	return total
}

// fitting returns how many of n things fit into limit, in order.
func fitting(n int, size func(int) int, limit int) int {
	for i := range n {
		if limit -= size(i); limit < 0 {
			return i
		}
	}
	return n
}
