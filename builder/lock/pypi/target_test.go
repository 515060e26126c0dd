package pypi

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/wheel"
)

// Best first; what is not listed does not run there.
func TestRankOrdersTags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		target Target
		uv     string
		order  []string
		never  []string
	}{
		{
			Target{"linux/amd64", "3.13", "2.41"}, "x86_64-manylinux_2_40",
			[]string{
				"cp313-cp313-manylinux_2_40_x86_64", "cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux2010_x86_64", "cp313-cp313-linux_x86_64",
				"cp313-abi3-manylinux_2_28_x86_64", "cp313-none-manylinux_2_28_x86_64", "cp312-abi3-manylinux_2_28_x86_64", "cp32-abi3-manylinux1_x86_64",
				"py313-none-manylinux_2_28_x86_64", "py3-none-manylinux2014_x86_64", "py312-none-manylinux_2_28_x86_64",
				"cp313-none-any", "py313-none-any", "py3-none-any", "py30-none-any",
			},
			[]string{
				"cp313-cp313-manylinux_2_41_x86_64", "cp313-cp313-musllinux_1_2_x86_64", "cp313-cp313t-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64",
				"cp314-abi3-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_aarch64", "py2-none-any", "py27-none-any", "py314-none-any",
				"cp313-cp313-win_amd64", "cp313-cp313-macosx_11_0_arm64", "pp310-pypy310_pp73-manylinux_2_28_x86_64", "cp313-abi3-any", "cp3-abi3-manylinux_2_28_x86_64",
				"cp313-cp313-manylinux_2_017_x86_64", "x-none-any", "cp313-cp313-any",
			},
		},
		{
			Target{"linux/arm64", "3.11", "2.36"}, "aarch64-manylinux_2_36",
			[]string{"cp311-cp311-manylinux_2_36_aarch64", "cp311-cp311-manylinux2014_aarch64", "cp310-abi3-manylinux_2_17_aarch64", "py3-none-any"},
			[]string{"cp311-cp311-manylinux_2_38_aarch64", "cp311-cp311-manylinux2010_aarch64", "cp311-cp311-manylinux_2_5_aarch64", "cp313-cp313-manylinux_2_17_aarch64"},
		},
	}
	for _, test := range tests {
		target, err := newTarget(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.uvPlatform(); got != test.uv {
			t.Errorf("uv's platform is %s, want %s", got, test.uv)
		}
		rank := func(tag string) (int, bool) {
			name, err := wheel.ParseFilename("lib-1.0-" + tag + ".whl")
			if err != nil {
				t.Fatal(err)
			}
			return target.rank(name.Tags)
		}
		last := -1
		for _, tag := range test.order {
			got, ok := rank(tag)
			if !ok || got <= last {
				t.Errorf("%s: %s has rank %d (%v), after %d", target, tag, got, ok, last)
			}
			last = got
		}
		for _, tag := range test.never {
			if _, ok := rank(tag); ok {
				t.Errorf("%s: %s is accepted", target, tag)
			}
		}
	}
	for _, bad := range []Target{{"linux/riscv64", "3.13", "2.41"}, {"linux/amd64", "2.7", "2.41"}, {"linux/amd64", "3.13", "2.5"}, {"linux/amd64", "3.13", ""}} {
		if _, err := newTarget(bad); !fault.Is(err, fault.Usage) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestVersionsAndBuilds(t *testing.T) {
	t.Parallel()
	keys := map[string][]string{
		"1+": {"1", "1.0", "1.0.0"}, "1.10+": {"1.10"}, "1rc1+": {"1rc1", "1.0rc1"}, "1.post1+": {"1.0.post1", "1.post1"}, "1!2+x.1": {"1!2.0+x.1"}, "0+": {"0", "0.0"},
	}
	for want, versions := range keys {
		for _, text := range versions {
			v, err := pep440.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := releaseKey(v); got != want {
				t.Errorf("%s: key %q, want %q", text, got, want)
			}
		}
	}
	builds := []string{"10", "2b", "", "2", "2a", "02"}
	slices.SortStableFunc(builds, compareBuild)
	if diff := cmp.Diff([]string{"", "2", "02", "2a", "2b", "10"}, builds); diff != "" {
		t.Errorf("build tags (-want +got):\n%s", diff)
	}
	for file, want := range map[string]string{
		"linear-tsv-1.1.0.tar.gz": "1.1.0", "linear_tsv-1.1.0.tar.gz": "1.1.0", "linear.tsv-1.1rc1.tar.gz": "1.1rc1", "linear-tsv-x.tar.gz": "", "other-1.0.tar.gz": "",
	} {
		v, ok := sdistVersion("linear-tsv", file)
		if ok != (want != "") || ok && v.String() != want {
			t.Errorf("%s: %v %v, want %q", file, v, ok, want)
		}
	}
	for text, want := range map[string]bool{"1.0": true, "1.0.post1": true, "1.0rc1": false, "1.0.dev2": false, "1.0+local": true} {
		v, err := pep440.Parse(text)
		if err != nil || isStable(v) != want {
			t.Errorf("%s stable: %v (%v)", text, isStable(v), err)
		}
	}
}

func FuzzParseOutput(f *testing.F) {
	f.Add("lib==1.0 \\\n    --hash=sha256:" + sumOf(nil) + "\n    # via\n    #   app\n    #   -r x.in\n")
	f.Add("\n")
	f.Fuzz(func(t *testing.T, text string) {
		packages, err := parseOutput(text)
		for _, p := range packages {
			if err == nil && (p.name == "" || len(p.sha256) != 64) {
				t.Errorf("accepted %+v", p)
			}
		}
	})
}
