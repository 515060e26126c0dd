package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/lock"
)

func TestRows(t *testing.T) {
	p := &lock.Platform{
		Wheels: []lock.Wheel{{Name: "old", File: "old-1-py3-none-any.whl"}, {Name: "new", File: "new-1-py3-none-any.whl"}},
		Sdists: []lock.Sdist{{Name: "old"}},
		Venvs: []lock.Venv{
			{Dir: "s3-bundled", Wheels: []string{"old-1-py3-none-any.whl"}, Sources: []lock.Source{{Plugin: "s3", Class: "a:S3"}}},
			{Dir: "common-venv", Wheels: []string{"new-1-py3-none-any.whl"}, Sources: []lock.Source{{Plugin: "file", Class: "a:File"}}},
		},
	}
	want := [][]string{
		{"file", "common-venv", "yes", "yes", "no: a:File", "1", ""},
		{"s3", "s3-bundled", "yes", "yes", "yes", "1", "old"},
	}
	if diff := cmp.Diff(want, rows(p, map[string]string{"import a:S3 in s3-bundled": "passed"})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
