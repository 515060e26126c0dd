package pypi

import "testing"

func TestExactPin(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"lib==1.0": "lib 1.0", "Lib_X[a,b] == 1.0": "lib-x 1.0", "lib===1.0": "lib 1.0", "lib==1.0; python_version > '3'": "lib 1.0",
		"lib==1.*": "", "lib==1.0,!=2": "", "lib>=1": "", "lib": "", "lib~=1.0": "", "lib==x": "",
	}
	for text, want := range tests {
		got := ""
		if p, ok := exactPin(text); ok {
			got = p.project + " " + p.version.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
