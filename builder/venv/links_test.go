package venv_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

var spec = venv.Spec{Path: "/opt/datahub/venvs/demo-bundled", StoreRoot: "/opt/datahub/store", Python: "3.13"}

const base = "opt/datahub/venvs/demo-bundled"

func links(t *testing.T, sites ...*venv.SiteTree) *venv.Tree {
	t.Helper()
	tree, err := venv.Links(spec, sites)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// inside lists the entries of site-packages as "path -> target" or "path/".
func inside(tree *venv.Tree) []string {
	var list []string
	for _, e := range tree.Entries {
		name, ok := strings.CutPrefix(e.Path, base+"/lib/python3.13/site-packages/")
		if !ok || strings.Contains(name, ".dist-info") {
			continue
		}
		switch e.Type {
		case venv.Dir:
			list = append(list, name+"/")
		case venv.Link:
			up := strings.Repeat("../", strings.Count(e.Path, "/")-2)
			target, ok := strings.CutPrefix(e.Target, up+"store/")
			if !ok {
				target = "not in the store: " + e.Target
			}
			list = append(list, name+" -> "+target)
		}
	}
	return list
}

func TestLinksOfOneWheel(t *testing.T) {
	tree := links(t, site(t, wheeltest.New("acryl-datahub", "1.7").File("datahub/__init__.py", "").File("single.py", "").
		EntryPoint("console_scripts", "datahub", "datahub.entrypoints:main").EntryPoint("console_scripts", "other", "datahub:other")))
	store := "../../../../../store/acryl-datahub-1.7/"
	lib := base + "/lib/python3.13/site-packages"
	want := []venv.Entry{
		{Path: base, Type: venv.Dir, Mode: 0o755},
		{Path: base + "/bin", Type: venv.Dir, Mode: 0o755},
		{Path: base + "/bin/datahub", Type: venv.Regular, Mode: 0o755, Content: "#!/" + base + "/bin/python -I\nimport sys\nimport datahub.upgrade.upgrade\n" +
			"datahub.upgrade.upgrade.retrieve_version_stats = lambda *args, **kwargs: None\nfrom datahub.entrypoints import main\n" +
			"if __name__ == \"__main__\":\n    sys.exit(main())\n"},
		{Path: base + "/bin/python", Type: venv.Link, Mode: 0o777, Target: "../../../../../usr/bin/python3.13"},
		{Path: base + "/bin/python3", Type: venv.Link, Mode: 0o777, Target: "python"},
		{Path: base + "/bin/python3.13", Type: venv.Link, Mode: 0o777, Target: "python"},
		{Path: base + "/lib", Type: venv.Dir, Mode: 0o755},
		{Path: base + "/lib/python3.13", Type: venv.Dir, Mode: 0o755},
		{Path: lib, Type: venv.Dir, Mode: 0o755},
		{Path: lib + "/__pycache__", Type: venv.Dir, Mode: 0o755},
		{Path: lib + "/__pycache__/single.cpython-313.pyc", Type: venv.Link, Mode: 0o777, Target: "../" + store + "__pycache__/single.cpython-313.pyc"},
		{Path: lib + "/acryl_datahub-1.7.dist-info", Type: venv.Link, Mode: 0o777, Target: store + "acryl_datahub-1.7.dist-info"},
		{Path: lib + "/datahub", Type: venv.Link, Mode: 0o777, Target: store + "datahub"},
		{Path: lib + "/single.py", Type: venv.Link, Mode: 0o777, Target: store + "single.py"},
		{Path: base + "/pyvenv.cfg", Type: venv.Regular, Mode: 0o644, Content: "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.13\n"},
	}
	if diff := cmp.Diff(want, tree.Entries); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinksMergeSharedDirectories(t *testing.T) {
	w := func(name string) *wheeltest.Builder { return wheeltest.New(name, "1") }
	for name, tc := range map[string]struct {
		wheels []*wheeltest.Builder
		want   []string
	}{
		"namespace": {
			[]*wheeltest.Builder{w("a").File("google/cloud/a/__init__.py", ""), w("b").File("google/cloud/b/__init__.py", ""), w("c").File("google/auth/x.py", "")},
			[]string{"google/", "google/auth -> c-1/google/auth", "google/cloud/", "google/cloud/a -> a-1/google/cloud/a", "google/cloud/b -> b-1/google/cloud/b"},
		},
		"overlay of extension modules": {
			[]*wheeltest.Builder{w("sqlglot").File("sqlglot/__init__.py", "").File("sqlglot/parser.py", "").File("sqlglot/dialects/x.py", ""), w("sqlglotc").File("sqlglot/parser.so", "")},
			[]string{
				"sqlglot/", "sqlglot/__init__.py -> sqlglot-1/sqlglot/__init__.py", "sqlglot/__pycache__/",
				"sqlglot/__pycache__/__init__.cpython-313.pyc -> sqlglot-1/sqlglot/__pycache__/__init__.cpython-313.pyc",
				"sqlglot/__pycache__/parser.cpython-313.pyc -> sqlglot-1/sqlglot/__pycache__/parser.cpython-313.pyc",
				"sqlglot/dialects -> sqlglot-1/sqlglot/dialects", "sqlglot/parser.py -> sqlglot-1/sqlglot/parser.py", "sqlglot/parser.so -> sqlglotc-1/sqlglot/parser.so",
			},
		},
		"same file in two wheels": {
			[]*wheeltest.Builder{w("b").File("ns/__init__.py", "same").File("ns/b.txt", ""), w("a").File("ns/__init__.py", "same")},
			[]string{
				"ns/", "ns/__init__.py -> a-1/ns/__init__.py", "ns/__pycache__/",
				"ns/__pycache__/__init__.cpython-313.pyc -> a-1/ns/__pycache__/__init__.cpython-313.pyc", "ns/b.txt -> b-1/ns/b.txt",
			},
		},
		"module beside package": {
			[]*wheeltest.Builder{w("a").File("x.py", ""), w("b").File("x/__init__.py", "")},
			[]string{"__pycache__/", "__pycache__/x.cpython-313.pyc -> a-1/__pycache__/x.cpython-313.pyc", "x -> b-1/x", "x.py -> a-1/x.py"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sites []*venv.SiteTree
			for _, b := range tc.wheels {
				sites = append(sites, site(t, b))
			}
			tree := links(t, sites...)
			if diff := cmp.Diff(tc.want, inside(tree)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			slices.Reverse(sites)
			if diff := cmp.Diff(tree, links(t, sites...)); diff != "" {
				t.Errorf("the order of the wheels changes the plan:\n%s", diff)
			}
		})
	}
}

func TestLinksReportEveryConflict(t *testing.T) {
	a := site(t, wheeltest.New("a", "1").File("ns/x.py", "one").File("ns/y.py", "one").FileMode("ns/mode", "", 0o100755).File("kind", "").File("dir/f", ""))
	b := site(t, wheeltest.New("b", "1").File("ns/x.py", "two").File("ns/y.py", "two").File("ns/mode", "").File("kind/x", "").File("dir", ""))
	_, err := venv.Links(spec, []*venv.SiteTree{a, b})
	if got := len(fault.All(err)); got != 5 || !fault.Is(err, fault.Resolve) {
		t.Errorf("%d conflicts, want 5: %v", got, err)
	}
	for _, file := range []string{a.File, b.File} {
		for _, e := range fault.All(err) {
			if !strings.Contains(e.Error(), file) {
				t.Errorf("%s is not named: %v", file, e)
			}
		}
	}
}

func TestLinksRefuse(t *testing.T) {
	demo := func() *venv.SiteTree { return site(t, wheeltest.New("demo", "1").File("demo.py", "")) }
	noKey, other := demo(), demo()
	noKey.Key, other.Python = "", "3.11"
	for name, tc := range map[string]struct {
		spec  venv.Spec
		sites []*venv.SiteTree
		kind  fault.Kind
	}{
		"relative path":       {venv.Spec{Path: "venvs/x", StoreRoot: "/store", Python: "3.13"}, nil, fault.Manifest},
		"unclean path":        {venv.Spec{Path: "/venvs/../x", StoreRoot: "/store", Python: "3.13"}, nil, fault.Manifest},
		"white space":         {venv.Spec{Path: "/my venvs/x", StoreRoot: "/store", Python: "3.13"}, nil, fault.Manifest},
		"path too long":       {venv.Spec{Path: "/" + strings.Repeat("x", 250), StoreRoot: "/store", Python: "3.13"}, nil, fault.Manifest},
		"two of one project":  {spec, []*venv.SiteTree{demo(), site(t, wheeltest.New("Demo", "2").File("demo2.py", ""))}, fault.Resolve},
		"no store key":        {spec, []*venv.SiteTree{noKey}, fault.Internal},
		"other minor version": {spec, []*venv.SiteTree{other}, fault.Internal},
	} {
		if _, err := venv.Links(tc.spec, tc.sites); !fault.Is(err, tc.kind) {
			t.Errorf("%s: error = %v, want %v", name, err, tc.kind)
		}
	}
}
