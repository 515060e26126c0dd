package facts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
)

// onBase is an image whose OS layers are those of a base image, which has what
// a build of lockforge's own would never have.
func onBase(t *testing.T) *factstest.Locked {
	t.Helper()
	l := factstest.New(t)
	l.Add(factstest.OS, imagetest.Entry{Name: "etc/late", Body: "x", Mode: 0o640, GID: 42, Time: time.Unix(1, 0)}, imagetest.File("etc/.wh.gone", ""))
	l.Add(factstest.Python, imagetest.Entry{Name: "etc/late", Body: "y"})
	f := collect(t, l.Write(t))
	p := l.Lock.Platforms[0]
	p.Debs = nil
	p.Base = lock.Base{Image: "sha256:" + strings.Repeat("b", 64)}
	for _, layer := range f.Layers[:factstest.Bytecode] {
		p.Base.Layers = append(p.Base.Layers, layer.DiffID)
	}
	return l
}

func TestTheLayersOfABaseImageAreTheirHashes(t *testing.T) {
	l := onBase(t)
	f := collect(t, l.Write(t))
	if err := facts.Match(f, l.Lock); err != nil {
		t.Errorf("Match: %v", err)
	}
	if err := facts.MatchStore(f, l.Lock, l.Store, nil); err != nil {
		t.Errorf("MatchStore: %v", err)
	}
}

func TestDifferencesOnABaseImageAreFound(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *factstest.Locked){
		"another base":            edit("etc/passwd", func(e *imagetest.Entry) { e.Body += "evil:x:0:0::/:/x\n" }),
		"a file more in the base": add(factstest.OS, imagetest.File("usr/lib/evil.so", "")),
		"a layer less":            func(_ *testing.T, l *factstest.Locked) { l.Image.Layers = l.Image.Layers[1:] },
		"a layer more in the lock": func(_ *testing.T, l *factstest.Locked) {
			p := l.Lock.Platforms[0]
			p.Base.Layers = append(p.Base.Layers, p.Base.Layers[0])
		},
		"a file above the base":    add(factstest.Runtime, imagetest.File("usr/lib/evil.so", "")),
		"a file of the base again": add(factstest.Runtime, imagetest.File("usr/bin/python3.13", "evil")),
		"a whiteout above it":      add(factstest.Runtime, imagetest.File("etc/.wh.passwd", "")),
		"the mode of a directory":  add(factstest.Runtime, imagetest.Entry{Name: "usr/", Kind: '5', Mode: 0o777}),
		"the time above it":        edit("<single>/single.py", func(e *imagetest.Entry) { e.Time = imagetest.Epoch.Add(time.Second) }),
	} {
		t.Run(name, func(t *testing.T) {
			l := onBase(t)
			spoil(t, l)
			f := collect(t, l.Write(t))
			if err := facts.Match(f, l.Lock); !fault.Is(err, fault.Integrity) {
				t.Errorf("Match: %v", err)
			}
		})
	}
}
