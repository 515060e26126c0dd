package rootfs

import (
	"strings"

	"github.com/lockforge/lockforge/builder/venv"
)

// statusDir is where images without a package manager keep what dpkg's
// database would say, one file per package, so that scanners find it.
const statusDir = "var/lib/dpkg/status.d/"

// addStatus writes the control data of every package, and the checksums of
// those of its files that are in the image.
func (b *builder) addStatus() {
	for _, p := range b.packages {
		name := p.control.Package
		var status strings.Builder
		for line := range strings.Lines(p.control.Text) {
			status.WriteString(line)
			if strings.HasPrefix(line, "Package:") {
				status.WriteString("Status: install ok installed\n")
			}
		}
		b.addFile(p.part, statusDir+name, status.String())

		var sums strings.Builder
		for _, sum := range p.control.MD5 {
			place := mergeUsr(sum.Path)
			if e, ok := b.entries[place]; ok && e.Package == name && e.Type == venv.Regular {
				sums.WriteString(sum.Sum + "  " + place + "\n")
			}
		}
		b.addFile(p.part, statusDir+name+".md5sums", sums.String())
	}
}
