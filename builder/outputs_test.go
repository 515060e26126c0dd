package builder

import (
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestParseOutput(t *testing.T) {
	for text, want := range map[string]Output{
		"oci:dir":          {"oci", "dir"},
		"oci:./a/../dir/":  {"oci", "dir"},
		"tar:/x/image.tar": {"tar", "/x/image.tar"},
		"docker:d.tar":     {"docker", "d.tar"},
	} {
		got, err := ParseOutput(text)
		if err != nil || got != want {
			t.Errorf("ParseOutput(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "dir", "oci:", "zip:x", "OCI:x"} {
		if _, err := ParseOutput(text); !fault.Is(err, fault.Usage) {
			t.Errorf("ParseOutput(%q): %v, want a usage error", text, err)
		}
	}
}

func TestLayoutName(t *testing.T) {
	for tag, want := range map[string]string{
		"":                                  "latest",
		"registry.example/team/image":       "latest",
		"registry.example:5000/team/image":  "latest",
		"registry.example:5000/team/img:v1": "v1",
		"image:2026-11":                     "2026-11",
	} {
		if got := layoutName(tag); got != want {
			t.Errorf("layoutName(%q) = %q, want %q", tag, got, want)
		}
	}
}
