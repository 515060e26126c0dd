package wheel_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/wheel"
)

func TestParseFilename(t *testing.T) {
	any := []wheel.Tag{{Python: "py3", ABI: "none", Platform: "any"}}
	for name, want := range map[string]wheel.Filename{
		"demo-1.0-py3-none-any.whl":                   {Name: "demo", Version: "1.0", Tags: any},
		"Flask_OpenID-1.3.1-py3-none-any.whl":         {Name: "flask-openid", Version: "1.3.1", Tags: any},
		"jaraco.classes-3.4.0-py3-none-any.whl":       {Name: "jaraco-classes", Version: "3.4.0", Tags: any},
		"demo-1.0-1build.2-py3-none-any.whl":          {Name: "demo", Version: "1.0", Build: "1build.2", Tags: any},
		"demo-1!2.0.POST1+abc_7-py3-none-any.whl":     {Name: "demo", Version: "1!2.0.post1+abc.7", Tags: any},
		"demo-1.0-cp39-abi3-manylinux2014_x86_64.whl": {Name: "demo", Version: "1.0", Tags: []wheel.Tag{{Python: "cp39", ABI: "abi3", Platform: "manylinux2014_x86_64"}}},
		"demo-1.0-cp313-cp313-linux_x86_64.any.whl":   {Name: "demo", Version: "1.0", Tags: []wheel.Tag{{"cp313", "cp313", "linux_x86_64"}, {"cp313", "cp313", "any"}}},
		"demo-0001.02.0-py3-none-any.whl":             {Name: "demo", Version: "1.2.0", Tags: any},
		"a-1.0-py3-none-any.whl":                      {Name: "a", Version: "1.0", Tags: any},
		"zope.interface_x-1.0a.dev3-py3-none-any.whl": {Name: "zope-interface-x", Version: "1.0a0.dev3", Tags: any},
		"demo-1.0.post0.dev0+local-py3-none-any.whl":  {Name: "demo", Version: "1.0.post0.dev0+local", Tags: any},
		"demo-2024.1.preview2-py3-none-any.whl":       {Name: "demo", Version: "2024.1rc2", Tags: any},
		"DEMO__x-1.0-py3-none-any.whl":                {Name: "demo-x", Version: "1.0", Tags: any},
	} {
		want.File = name
		got, err := wheel.ParseFilename(name)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseFilenameRefuses(t *testing.T) {
	for _, name := range []string{
		"", ".whl", "demo.whl", "demo-1.0.tar.gz", "demo-1.0-py3-none-any.WHL", "demo-1.0-none-any.whl",
		"demo-1.0-x-py3-none-any.whl", "demo-1.0-1-2-py3-none-any.whl", "-1.0-py3-none-any.whl", "demo--py3-none-any.whl",
		"../demo-1.0-py3-none-any.whl", "de mo-1.0-py3-none-any.whl", "demo-1.0-py3-none-a/b.whl", "demo-one-py3-none-any.whl",
		"demo-1.0-py3-none-.whl", "demo-1.0-py3..py2-none-any.whl", "demo-1.0-py3-none-any\n.whl", "_demo-1.0-py3-none-any.whl",
		"demo-" + strings.Repeat("1", 300) + "-py3-none-any.whl",
		"demo-1.0-" + strings.Repeat("a.", 20) + "a-" + strings.Repeat("a.", 20) + "a-any.whl",
	} {
		if got, err := wheel.ParseFilename(name); !fault.Is(err, fault.Integrity) {
			t.Errorf("%q is read as %+v, error %v", name, got, err)
		}
	}
}

func TestSameVersion(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"1.0", "1", true}, {"1.0.0", "1", true}, {"1.0.0rc1", "1rc1", true}, {"1.0.post1", "1.post1", true}, {"1.0.dev1", "1.dev1", true},
		{"1.0+local", "1+local", true}, {"1!1.0", "1!1", true}, {"0.0", "0", true}, {"1.0-1", "1.post1", true}, {"v1.0", "1.0", true},
		{"1.0C1", "1.0rc1", true}, {"1.0alpha", "1a0", true}, {"1.0+a-b", "1.0+a.b", true}, {"10", "1", false}, {"1.10", "1.1", false},
		{"1.0", "1.0.post0", false}, {"1.0", "1.0+x", false}, {"1!1.0", "1.0", false}, {"1.0a1", "1.0b1", false}, {"nonsense", "nonsense", false},
		{"1.0.1", "1.1", false}, {"1.0.10", "1.0.1", false},
	} {
		if got := wheel.SameVersion(tc.a, tc.b); got != tc.same {
			t.Errorf("SameVersion(%q, %q) = %v", tc.a, tc.b, got)
		}
	}
}
