package graph

import (
	"fmt"

	"github.com/lockforge/lockforge/builder/layers"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/executor/contract"
)

// addWheels adds the layers of store directories.
func (a *assembly) addWheels() error {
	root, err := a.interpreter()
	if err != nil {
		return err
	}
	for _, l := range a.builder.layers[a.p.Platform] {
		spec := unpack.WheelsSpec{Epoch: a.epoch.Unix(), Python: venv.Python(a.p.Python), Root: contract.StorePath}
		var files []string
		for _, w := range l.Wheels {
			spec.Wheels = append(spec.Wheels, unpack.WheelFile{Input: unpack.Input{File: w.File, SHA256: w.SHA256}, Key: w.StoreKey()})
			files = append(files, w.File)
		}
		sha, err := a.content.spec(spec)
		if err != nil {
			return err
		}
		out := step{
			name: "layer " + l.Name + " (" + describe(l) + ")" + forPlatform(a.builder, a.p), command: "wheels", program: a.program,
			spec: sha, pack: a.packs[packKey(wheelMembers(l.Wheels))], root: &root,
		}.run()
		a.addStores(out[0], Layer{Name: l.Name, What: describe(l), Files: files}, l.Wheels)
	}
	return nil
}

func describe(l layers.Layer) string {
	if len(l.Wheels) == 1 {
		return l.Wheels[0].Name + " " + l.Wheels[0].Version
	}
	return fmt.Sprintf("%d wheels", len(l.Wheels))
}
