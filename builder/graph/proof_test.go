package graph

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/pb"
)

func TestProofsRunInTheImageAsItIsUsed(t *testing.T) {
	proofs, err := newFixture(t).build(t).Proofs()
	if err != nil {
		t.Fatal(err)
	}
	if len(proofs) != 6 {
		t.Fatalf("%d proofs, want one per source and platform", len(proofs))
	}
	for _, p := range proofs {
		if p.Platform == "linux/arm64" {
			if p.Definition != nil {
				t.Errorf("%s %s would run on the wrong machine", p.Platform, p.Plugin)
			}
			continue
		}
		ops, err := readOps(p.Definition)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, o := range ops {
			exec, ok := o.Op.Op.(*pb.Op_Exec)
			if !ok || o.name != p.Step {
				continue
			}
			found = true
			checkProof(t, p, exec.Exec)
		}
		if !found {
			t.Errorf("no step %q", p.Step)
		}
	}
}

func checkProof(t *testing.T, p Proof, exec *pb.ExecOp) {
	t.Helper()
	if exec.Network != pb.NetMode_NONE || exec.Meta.User != "1000:1000" {
		t.Errorf("%s: network %s as %s", p.Step, exec.Network, exec.Meta.User)
	}
	if want := "/opt/datahub/venvs/" + p.Venv + "/bin/python"; exec.Meta.Args[0] != want || exec.Meta.Args[1] != "-I" || exec.Meta.Args[4] != p.Source {
		t.Errorf("%s: arguments %q", p.Step, exec.Meta.Args)
	}
	for _, m := range exec.Mounts {
		if m.Dest == "/" && !m.Readonly {
			t.Errorf("%s: the root is writable", p.Step)
		}
	}
	stores := 0
	for _, m := range exec.Mounts {
		if strings.HasPrefix(m.Dest, "/opt/datahub/store/") {
			stores++
			if m.Selector != m.Dest || !m.Readonly {
				t.Errorf("%s: mount of %s at %s, read-only %v", p.Step, m.Selector, m.Dest, m.Readonly)
			}
		}
	}
	if stores == 0 {
		t.Errorf("%s: no store directory is there", p.Step)
	}
	if len(exec.Meta.Env) < len(environment) {
		t.Errorf("%s: environment %q", p.Step, exec.Meta.Env)
	}
}

func TestSdistStep(t *testing.T) {
	f := newFixture(t)
	p := f.lock.Platforms[0]
	archive := []byte("source archive")
	sdist := f.shelf.sdist("old", archive)
	tool := f.shelf.wheel(t, "setuptools", "80.0", "setuptools/__init__.py", "")
	first, err := Sdist(f.manifest, f.lock, p, sdist, nil, f.inputs)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Content.Packs) != 2 || len(first.Definition) == 0 {
		t.Errorf("%d packs", len(first.Content.Packs))
	}
	second, err := Sdist(f.manifest, f.lock, p, sdist, append(p.Wheels[:0:0], tool), f.inputs)
	if err != nil {
		t.Fatal(err)
	}
	if string(second.Definition) == string(first.Definition) {
		t.Error("other tools give the same step")
	}
	if _, err := Sdist(f.manifest, f.lock, f.lock.Platforms[1], sdist, nil, f.inputs); err == nil {
		t.Error("an interpreter of another architecture was taken")
	}
}
