package manifest

import "testing"

func TestPatterns(t *testing.T) {
	tests := []struct {
		a, b             string
		overlap, aCovers bool
	}{
		{"acme", "acme", true, true},
		{"acme-*", "acme-crm", true, true},
		{"acme-*", "acme", false, false},
		{"acme-*", "acme-crm-*", true, true},
		{"acme-*", "*-crm", true, false},
		{"*-crm", "acme-*", true, false},
		{"a*c", "ab*", true, false},
		{"a*", "*", true, false},
		{"*", "a*", true, true},
		{"a*b", "c*b", false, false},
		{"**", "*", true, true},
		{"a", "", false, false},
	}
	for _, tt := range tests {
		if got := overlap(tt.a, tt.b); got != tt.overlap {
			t.Errorf("overlap(%q, %q) = %v", tt.a, tt.b, got)
		}
		if got := overlap(tt.b, tt.a); got != tt.overlap {
			t.Errorf("overlap(%q, %q) = %v", tt.b, tt.a, got)
		}
		if got := covers(tt.a, tt.b); got != tt.aCovers {
			t.Errorf("covers(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}
