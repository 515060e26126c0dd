package facts

import "testing"

func TestTreeFollowsLinksAsTheKernelDoes(t *testing.T) {
	tr := newTree([]Entry{
		{Path: "a/b/file", Type: "file"}, {Path: "a/up", Type: "symlink", Link: "../x"}, {Path: "abs", Type: "symlink", Link: "/a/b"},
		{Path: "loop", Type: "symlink", Link: "loop"}, {Path: "x", Type: "symlink", Link: "a/b"}, {Path: "past", Type: "symlink", Link: "abs/../b/file"},
		{Path: "top", Type: "symlink", Link: "/../../a"},
	}, nil)
	for p, want := range map[string]string{
		"a/b/file": "a/b/file", "abs/file": "a/b/file", "x/file": "a/b/file", "a/up/file": "a/b/file", "past": "a/b/file",
		"top/b/file": "a/b/file", "loop": "", "loop/x": "", "abs/../b/file": "a/b/file",
	} {
		got, e := tr.resolve(p)
		if got != want || (e == nil) != (want == "") {
			t.Errorf("%s leads to %q, want %q", p, got, want)
		}
	}
}

func TestTreeAppliesWhiteouts(t *testing.T) {
	entries := []Entry{
		{Path: "dir/old", Layer: 0, Type: "file"}, {Path: "dir/new", Layer: 1, Type: "file"},
		{Path: "gone", Layer: 0, Type: "file"}, {Path: "tree/a/b", Layer: 0, Type: "file"},
		{Path: "twice", Layer: 0, Type: "file"}, {Path: "twice", Layer: 2, Type: "symlink", Link: "x"},
	}
	tr := newTree(entries, []Whiteout{{Path: "gone", Layer: 1}, {Path: "tree", Layer: 1}, {Path: "dir", Layer: 1, Opaque: true}})
	for p, want := range map[string]bool{"dir/old": false, "dir/new": true, "gone": false, "tree/a/b": false} {
		if got := tr.get(p) != nil; got != want {
			t.Errorf("%s is there: %v, want %v", p, got, want)
		}
	}
	if e := tr.get("twice"); e == nil || e.Layer != 2 {
		t.Errorf("twice is %+v, want the upper layer's", e)
	}
}
