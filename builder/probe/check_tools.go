package probe

import (
	"slices"

	"github.com/lockforge/lockforge/builder/facts"
)

// packageManagers are the installers that E06 asks for: those of operating
// systems and of other languages.
var packageManagers = []string{
	"apt", "apt-get", "aptitude", "dpkg", "dpkg-deb", "apk", "yum", "dnf", "microdnf", "rpm", "snap", "brew",
	"npm", "npx", "yarn", "gem", "cargo",
}

// bootstrap are modules by which Python makes an environment or an installer
// out of nothing.
var bootstrap = []string{"ensurepip", "venv", "virtualenv", "distutils"}

var toolChecks = []check{
	{static("E01-installer", Critical, "No Python installer in any layer", "build environments outside of the image; a removal in a later layer leaves the bytes"),
		tools(func(t facts.Tool) bool {
			return t.Kind == "installer" && t.By != "archive" && !slices.Contains(packageManagers, t.Name) && !slices.Contains(bootstrap, t.Name)
		}, "installer")},
	{static("E02-archive", Critical, "No archive in any layer holds an installer", "remove wheels, zip applications and bundled copies of pip before the layer is made"),
		archives},
	{static("E03-bootstrap", Critical, "Python cannot make an installer or an environment by itself", "leave ensurepip, venv, virtualenv and distutils out of the standard library that goes into the image"),
		tools(func(t facts.Tool) bool { return t.Kind == "installer" && slices.Contains(bootstrap, t.Name) }, "")},
	{static("E05-shell", Critical, "No shell, and nothing that starts commands given as text", "drop the OS packages that bring it; start programs in exec form"),
		tools(kind("shell"), "shell")},
	{static("E05-interpreter", High, "No interpreter besides Python", "drop the OS packages that bring it"),
		tools(kind("interpreter"), "interpreter")},
	{static("E06-downloader", Critical, "No downloader, no archiver", "drop the OS packages that bring it; fetch and unpack before the build"),
		tools(kind("downloader", "archiver"), "downloader", "archiver")},
	{static("E06-package-manager", Critical, "No package manager of the operating system or of another language", "assemble the image from packages without installing their manager"),
		tools(func(t facts.Tool) bool { return t.Kind == "installer" && slices.Contains(packageManagers, t.Name) }, "")},
	{static("E06-compiler", High, "No compiler, linker or debugger", "compile in another image and copy the result"),
		tools(kind("compiler", "debugger"), "compiler", "debugger")},
	{static("E06-privilege", High, "No program that changes users or mounts", "drop the OS packages that bring su, sudo and mount"),
		tools(kind("privilege"), "privilege")},
	{static("E67-debug", Medium, "No program of the image carries a debugging server", "build the program without net/http/pprof"),
		func(s *Scan, f *findings) { f.hits(hitDebug) }},
}

func kind(kinds ...string) func(facts.Tool) bool {
	return func(t facts.Tool) bool { return slices.Contains(kinds, t.Kind) }
}

// tools reports the tools that wanted accepts, and the programs of the given
// kinds that are told by their content alone.
func tools(wanted func(facts.Tool) bool, kinds ...string) func(*Scan, *findings) {
	return func(s *Scan, f *findings) {
		for _, t := range s.facts.Tools {
			if wanted(t) {
				f.add(t.Layer, t.Path, t.Kind+" "+t.Name+", told by its "+t.By)
			}
		}
		for _, h := range s.contents {
			if h.kind == hitProgram && slices.Contains(kinds, h.tool) {
				f.add(h.layer, h.path, h.text)
			}
		}
	}
}

func archives(s *Scan, f *findings) {
	f.hits(hitArchive, hitOpaque)
}

// hits reports all hits of some kinds.
func (f *findings) hits(kinds ...kindOfHit) {
	for _, h := range f.scan.contents {
		if slices.Contains(kinds, h.kind) {
			f.add(h.layer, h.path, h.text)
		}
	}
}
