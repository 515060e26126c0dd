package pypi

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// conflictWorld has a CLI whose extras feast and hex disagree on numlib.
func conflictWorld(t *testing.T) *world {
	w := newWorld(t)
	for _, version := range []string{"1.0", "2.0", "3.0"} {
		w.index.add(t, wheelOf("numlib", version))
	}
	w.index.add(t, wheelOf("hexlib", "1.0", "numlib>=2"))
	cli := wheelOf("acryl-datahub", "1.7.0", "numlib<2; extra=='feast'", "hexlib; extra=='hex'", "numlib>=3; extra=='top'", "gone>=1; extra=='lost'")
	for _, extra := range []string{"feast", "hex", "mysql", "file", "datahub-rest", "top", "lost"} {
		cli = cli.Header("Provides-Extra", extra)
	}
	w.index.add(t, cli)
	return w
}

func (w *world) group(plugins ...string) {
	extras := slices.Sorted(slices.Values(append([]string{"datahub-rest", "file"}, plugins...)))
	extras = slices.Compact(extras)
	w.plan.Venvs = nil
	w.venv("common-venv", plugins, extras, "acryl-datahub["+strings.Join(extras, ",")+"]==1.7.0")
}

func TestConflictNamesPluginsAndProposesSplit(t *testing.T) {
	t.Parallel()
	w := conflictWorld(t)
	w.group("feast", "file", "hex", "mysql")
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "plugins feast and hex cannot share", "feast needs numlib<2 (acryl-datahub[feast])", "hex needs numlib>=2 (hexlib)",
		"groups: {common: [feast, file, mysql]}", "hex in a venv of its own")
	if strings.Contains(err.Error(), "mysql") {
		t.Errorf("an innocent plugin is named: %v", err)
	}
	w.group("feast", "file", "mysql") // what was proposed
	w.mustResolve()
}

func TestConflictOfThree(t *testing.T) {
	t.Parallel()
	w := conflictWorld(t)
	w.group("feast", "hex", "mysql", "top")
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "cannot share", "groups: {common: [hex, mysql, top]}", "feast in a venv of its own")
}

func TestConflictOfCustomSource(t *testing.T) {
	t.Parallel()
	w := conflictWorld(t)
	w.acme.add(t, wheelOf("acme-crm", "2.1", "numlib==3.0"))
	w.manifest.Custom = []manifest.Custom{{Name: "crm", Requirements: []string{"acme-crm==2.1"}}}
	w.group("crm", "feast")
	v := &w.plan.Venvs[0]
	v.Extras = []string{"datahub-rest", "feast", "file"}
	v.Requirements = []string{"acryl-datahub[datahub-rest,feast,file]==1.7.0", "acme-crm==2.1"}
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "plugins crm and feast", "crm needs numlib==3.0 (acme-crm)", "remove group common")
}

func TestPluginThatCannotResolveAlone(t *testing.T) {
	t.Parallel()
	w := conflictWorld(t)
	w.group("lost", "mysql")
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "plugin lost", "gone: its index does not have it")
	if strings.Contains(err.Error(), "plugin mysql") {
		t.Errorf("an innocent plugin is named: %v", err)
	}
	w.index.put(&fakeFile{name: "gone-1.0-cp313-cp313-win_amd64.whl", content: wheelOf("gone", "1.0").Tag("cp313-cp313-win_amd64").Bytes(t)})
	_, err = w.resolve()
	wantFault(t, err, fault.Resolve, "gone-1.0-cp313-cp313-win_amd64.whl", "does not run on linux/amd64")
}

func TestMinimal(t *testing.T) {
	t.Parallel()
	items := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for _, want := range [][]int{{1}, {12}, {3, 9}, {1, 12}, {2, 3, 4}, {1, 6, 7, 12}, items} {
		trials := 0
		got := minimal(items, func(part []int) bool {
			trials++
			return !slices.ContainsFunc(want, func(x int) bool { return !slices.Contains(part, x) })
		})
		if diff := cmp.Diff(want, got); diff != "" || trials > 30 {
			t.Errorf("%d trials, minimal (-want +got):\n%s", trials, diff)
		}
	}
}
