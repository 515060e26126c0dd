package mask_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/mask"
)

func TestJSON(t *testing.T) {
	m := newMasker(t, map[string]string{"PW": `hun"ter`, "PIN": "12345", "KEY": "one line\nanother line"})
	for _, tc := range []struct{ in, want string }{
		{`"hun\"ter"`, `"***REDACTED:PW***"`},
		{` { "a" : [ 1, true, null, "x<y" ], "b" : {} } `, `{"a":[1,true,null,"x<y"],"b":{}}`},
		{`{"hun\u0022ter": {"x": "a hun\"ter b"}}`, `{"***REDACTED:PW***":{"x":"a ***REDACTED:PW*** b"}}`},
		{`[12345, 12345.5, 1e3]`, `["***REDACTED:PIN***","***REDACTED:PIN***.5",1e3]`},
		{`"one line\nanother line"`, `"***REDACTED:KEY***"`},
		{`{"nested": "{\"p\": \"hun\\\"ter\"}"}`, `{"nested":"{\"p\": \"***REDACTED:PW***\"}"}`},
		{`7`, `7`},
		{`[[],{},[{}]]`, `[[],{},[{}]]`},
	} {
		var out bytes.Buffer
		if err := m.JSON(&out, strings.NewReader(tc.in)); err != nil {
			t.Errorf("%s: %v", tc.in, err)
		}
		if diff := cmp.Diff(tc.want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.in, diff)
		}
	}
}

func TestJSONRefusesWhatIsNoDocument(t *testing.T) {
	m := newMasker(t, map[string]string{"PW": "hunter22"})
	for _, in := range []string{"", "{", "{}{}", `{"a" "hunter22"}`, `[hunter22]`, "]", `{"a":1]`, `"hunter22`, strings.Repeat("[", 2000)} {
		var out bytes.Buffer
		err := m.JSON(&out, strings.NewReader(in))
		if !errors.Is(err, mask.ErrDocument) {
			t.Errorf("%.20q: error = %v, want %v", in, err, mask.ErrDocument)
		}
		if err != nil && strings.Contains(err.Error()+out.String(), "hunter22") {
			t.Errorf("%.20q: the secret is in %q or %q", in, err, out.String())
		}
	}
	if err := m.JSON(&failing{}, strings.NewReader("[1]")); !errors.Is(err, errFull) {
		t.Errorf("error = %v, want %v", err, errFull)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a": ["hunter22", 1e5, {"hunter22": null}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		m := newMasker(t, map[string]string{"PW": "hunter22", "PIN": "777"})
		var out bytes.Buffer
		err := m.JSON(&out, strings.NewReader(in))
		if valid := json.Valid([]byte(in)); err != nil {
			if valid && len(in) < 1000 { // not too deep
				t.Errorf("%q: %v", in, err)
			}
			return
		}
		if !json.Valid(out.Bytes()) || strings.Contains(out.String(), "hunter22") || strings.Contains(out.String(), "777") {
			t.Errorf("%q becomes %q", in, out.String())
		}
	})
}
