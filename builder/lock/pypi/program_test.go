package pypi

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestProgram(t *testing.T) {
	tests := map[string]struct {
		script string // of uv, "" for none
		want   string
	}{
		"accepted":     {"#!/bin/sh\necho 'uv 0.12.1 (abc 2026-01-01)'\n", "0.12.1"},
		"too old":      {"#!/bin/sh\necho 'uv 0.8.9'\n", ""},
		"too new":      {"#!/bin/sh\necho 'uv 0.14.0'\n", ""},
		"says nothing": {"#!/bin/sh\n", ""},
		"fails":        {"#!/bin/sh\nexit 1\n", ""},
		"none":         {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			programs := map[string]string{"python3": "#!/bin/sh\n"}
			if tt.script != "" {
				programs["uv"] = tt.script
			}
			for name, script := range programs {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			_, version, err := Program(t.Context(), func(name string) string {
				return map[string]string{"PATH": dir}[name]
			})
			if version != tt.want || (err != nil) != (tt.want == "") || err != nil && !fault.Is(err, fault.Usage) {
				t.Errorf("version %q, %v; want %q", version, err, tt.want)
			}
		})
	}
}
