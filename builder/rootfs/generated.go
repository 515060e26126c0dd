package rootfs

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/venv"
)

const (
	certificateBundle = "etc/ssl/certs/ca-certificates.crt"
	certificateDir    = "usr/share/ca-certificates/mozilla"
)

func (b *builder) addFile(part Part, name, content string) {
	b.entries[name] = Entry{Part: part, Entry: venv.Entry{Path: name, Type: venv.Regular, Mode: 0o644, Content: content}}
}

func (b *builder) addLink(part Part, name, target string) {
	b.entries[name] = Entry{Part: part, Entry: venv.Entry{Path: name, Type: venv.Link, Mode: 0o777, Target: target}}
}

func (b *builder) addDir(name string, mode fs.FileMode) {
	b.entries[name] = Entry{Part: OS, Entry: venv.Entry{Path: name, Type: venv.Dir, Mode: mode}}
}

// addGenerated writes what maintainer scripts, base-files, base-passwd and
// netbase would have left behind, as far as a connector needs it.
func (b *builder) addGenerated() {
	for _, dir := range mergedDirs {
		b.addLink(OS, dir, "usr/"+dir)
	}
	// Mount points, which a read-only root has to have.
	for _, dir := range []string{"dev", "proc", "run", "sys"} {
		b.addDir(dir, 0o755)
	}
	b.addDir("tmp", fs.ModeSticky|0o777)

	user := b.spec.User
	b.addFile(OS, "etc/passwd", fmt.Sprintf(
		"root:x:0:0:root:/nonexistent:/usr/sbin/nologin\ndatahub:x:%d:%d:datahub:/tmp:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		user, user))
	b.addFile(OS, "etc/group", fmt.Sprintf("root:x:0:\ndatahub:x:%d:\nnogroup:x:65534:\n", user))
	b.addFile(OS, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n")
	b.addFile(OS, "etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	b.addFile(OS, "etc/resolv.conf", "") // a runtime mounts its own over it
	b.addFile(OS, "etc/timezone", "Etc/UTC\n")
	b.addLink(OS, "etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
	b.addFile(OS, "usr/lib/os-release", osRelease(b.suite))
	b.addLink(OS, "etc/os-release", "../usr/lib/os-release")
	b.addCertificates()
	b.addLink(OS, "usr/lib/ssl/cert.pem", "/"+certificateBundle)
	b.addLink(OS, "usr/lib/ssl/certs", "/etc/ssl/certs")
	b.addLink(Python, "usr/bin/python3", "python"+b.suite.Python)
}

func osRelease(s Suite) string {
	return fmt.Sprintf("PRETTY_NAME=\"Debian GNU/Linux %s (%s)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"%s\"\nVERSION=\"%s (%s)\"\nVERSION_CODENAME=%s\nID=debian\n",
		s.VersionID, s.Codename, s.VersionID, s.VersionID, s.Codename, s.Codename)
}

// addCertificates makes the bundle as update-ca-certificates does: the files
// of the package in the order of their names, one after the other. The files
// themselves are not needed besides.
func (b *builder) addCertificates() {
	var names []string
	for name := range b.entries {
		if path.Dir(name) == certificateDir && strings.HasSuffix(name, ".crt") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var bundle strings.Builder
	for _, name := range names {
		e := b.entries[name]
		bundle.WriteString(e.Content)
		if !strings.HasSuffix(e.Content, "\n") {
			bundle.WriteByte('\n')
		}
		delete(b.entries, name)
		b.dropped = append(b.dropped, Drop{Package: e.Package, Path: name, Rule: ruleMerged})
	}
	b.addFile(OS, certificateBundle, bundle.String())
}
