package venv_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestRealWheels plans one virtual environment over all wheels of the folder
// $LOCKFORGE_WHEELS, which is one resolution's result.
func TestRealWheels(t *testing.T) {
	files, minor := testenv.Wheels(t)
	python := venv.Python(minor)
	var sites []*venv.SiteTree
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		w, err := wheel.Open(f, info.Size(), filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		site, err := venv.Site(w, python)
		if err != nil {
			t.Error(err)
			continue
		}
		site.Key = site.Name + "-" + site.Version + "-0123456789ab"
		sites = append(sites, site)
	}
	tree, err := venv.Links(venv.Spec{Path: "/opt/datahub/venvs/all-bundled", StoreRoot: "/opt/datahub/store", Python: python}, sites)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d wheels, %d entries", len(files), len(tree.Entries))
}
