package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/policy"
)

func collect(t *testing.T, ref string) *facts.Facts {
	t.Helper()
	img, err := image.Open(t.Context(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := facts.Collect(t.Context(), img.Platforms()[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// native adds a file that the dynamic loader would take, so that there is one.
func native(l *factstest.Locked) *factstest.Locked {
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20] = 3, 62, 1 // shared object, x86-64, version
	header[52] = 64
	l.Add(factstest.OS, imagetest.File("usr/lib/libnative.so", string(header)))
	return l
}

// denials evaluates an image and names the rules that deny it.
func denials(t *testing.T, l *factstest.Locked, allow ...manifest.Allow) (denied []string, v *policy.Verdict) {
	t.Helper()
	f := collect(t, l.Write(t))
	in := policy.FromFacts(f, policy.Promise{Lock: l.Lock, Allow: allow, Documented: policy.Installed(f)})
	v, err := policy.Eval(t.Context(), shipped(t), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range v.Rules {
		if r.Status == policy.Deny {
			denied = append(denied, r.ID)
			t.Log(r.ID, r.Findings)
		}
	}
	return denied, v
}

// What rules see of a real image is what is in it: each change of the image
// is denied by the rule it offends.
func TestImagesAreJudgedByTheirBytes(t *testing.T) {
	locked := native(factstest.New(t))
	before, _ := denials(t, locked)
	tests := map[string]struct {
		layer int
		entry imagetest.Entry
		want  string
	}{
		"shell":    {factstest.OS, imagetest.Entry{Name: "usr/bin/dash", Mode: 0o755, Body: "x"}, "LF002-shell"},
		"setuid":   {factstest.OS, imagetest.Entry{Name: "usr/bin/app", Mode: 0o4755, Body: "x"}, "LF005-setuid"},
		"writable": {factstest.OS, imagetest.Entry{Name: "usr/lib/data", Mode: 0o666, Body: "x"}, "LF007-writable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := locked.Clone(t)
			l.Add(tt.layer, tt.entry)
			got, _ := denials(t, l)
			if diff := cmp.Diff(append([]string{tt.want}, before...), got); diff != "" {
				t.Errorf("rules that deny (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImageWithoutALock(t *testing.T) {
	f := collect(t, native(factstest.New(t)).Write(t))
	in := policy.FromFacts(f, policy.Promise{})
	if _, err := policy.Eval(t.Context(), shipped(t), in); !fault.Is(err, fault.Policy) {
		t.Errorf("error = %v: rules about a lock passed without one", err)
	}
	set := shipped(t).Without(func(r policy.Rule) bool { return r.NeedsLock })
	if _, err := policy.Eval(t.Context(), set, in); err != nil {
		t.Error(err)
	}
	if set.Digest() == shipped(t).Digest() {
		t.Error("a smaller rule set has the same digest")
	}
}
