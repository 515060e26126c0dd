package deb

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/deb/debtest"
	"github.com/lockforge/lockforge/builder/fault"
)

const control = "Package: example\nVersion: 1:2.0-1\nArchitecture: amd64\nDescription: example\n longer text\n .\n end\n"

func open(data []byte) (*Archive, error) { return Open(bytes.NewReader(data), int64(len(data))) }

// readWhole reads everything a package has to say, as its users do.
func readWhole(data []byte) (*Control, map[string]string, error) {
	a, err := open(data)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.Control()
	if err != nil {
		return nil, nil, err
	}
	found := map[string]string{}
	err = a.Walk(func(m Member, r io.Reader) error {
		content, err := io.ReadAll(r)
		found[m.Path] = string(m.Type) + " " + m.Target + string(content)
		return err
	})
	return c, found, err
}

func TestRead(t *testing.T) {
	controls := []debtest.Entry{
		debtest.Dir("./"), debtest.File("./control", control), debtest.File("./postinst", "#!/bin/sh\nexit 1\n"),
		debtest.File("./md5sums", "5d41402abc4b2a76b9719d911017c592  usr/lib/a file\n"),
	}
	data := []debtest.Entry{
		debtest.Dir("./"), debtest.Dir("./usr/"), debtest.Dir("./usr/lib/"), debtest.File("./usr/lib/a file", "hello"),
		debtest.Link("./usr/lib/link", "a file"), debtest.Link("./usr/lib/absolute", "/etc/x"), debtest.Link("./usr/lib/up", "../../etc/x"),
		debtest.File("./usr/lib/"+strings.Repeat("long", 60), "long name"),
	}
	for _, c := range []debtest.Compression{debtest.Plain, debtest.Gzip, debtest.XZ, debtest.Zstd} {
		got, files, err := readWhole(debtest.WithControl(t, c, controls, data))
		if err != nil {
			t.Fatalf("compression %q: %v", c, err)
		}
		want := &Control{Package: "example", Version: "1:2.0-1", Arch: "amd64", Text: control,
			MD5: []MD5Sum{{"5d41402abc4b2a76b9719d911017c592", "usr/lib/a file"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		wantFiles := map[string]string{
			"usr": "d ", "usr/lib": "d ", "usr/lib/a file": "f hello", "usr/lib/link": "l a file",
			"usr/lib/absolute": "l /etc/x", "usr/lib/up": "l ../../etc/x", "usr/lib/" + strings.Repeat("long", 60): "f long name",
		}
		if diff := cmp.Diff(wantFiles, files); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRefusesEntries(t *testing.T) {
	header := func(h tar.Header) debtest.Entry { return debtest.Entry{Header: h} }
	cases := map[string][]debtest.Entry{
		"absolute path":        {debtest.File("/etc/passwd", "x")},
		"path that climbs":     {debtest.File("./../x", "x")},
		"path that hides":      {debtest.File("./usr/../../x", "x")},
		"path with dots":       {debtest.File("./usr/./x", "x")},
		"double slash":         {debtest.File("./usr//x", "x")},
		"control character":    {debtest.File("./usr/a\nb", "x")},
		"root as a file":       {debtest.File(".", "x")},
		"root as a link":       {debtest.Link(".", "usr")},
		"hard link":            {debtest.File("./a", "x"), header(tar.Header{Name: "./b", Typeflag: tar.TypeLink, Linkname: "./a"})},
		"character device":     {header(tar.Header{Name: "./null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3})},
		"block device":         {header(tar.Header{Name: "./sda", Typeflag: tar.TypeBlock})},
		"named pipe":           {header(tar.Header{Name: "./pipe", Typeflag: tar.TypeFifo})},
		"setuid":               {header(tar.Header{Name: "./su", Typeflag: tar.TypeReg, Mode: 0o4755})},
		"setgid directory":     {header(tar.Header{Name: "./d/", Typeflag: tar.TypeDir, Mode: 0o2755})},
		"sticky":               {header(tar.Header{Name: "./t/", Typeflag: tar.TypeDir, Mode: 0o1777})},
		"link that climbs":     {debtest.Link("./usr/x", "../../etc/passwd")},
		"empty link":           {debtest.Link("./usr/x", "")},
		"link with a newline":  {debtest.Link("./usr/x", "a\nb")},
		"repeated path":        {debtest.File("./a", "1"), debtest.File("./a", "2")},
		"repeated after clean": {debtest.File("./a", "1"), debtest.File("a", "2")},
		"file below a link":    {debtest.Link("./a", "/etc"), debtest.File("./a/passwd", "x")},
		"file below a file":    {debtest.File("./a", "x"), debtest.File("./a/b", "x")},
		"capability": {header(tar.Header{Name: "./ping", Typeflag: tar.TypeReg, Mode: 0o755,
			PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "x"}})},
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			pack := debtest.WithControl(t, debtest.Plain, []debtest.Entry{debtest.File("./control", control)}, data)
			if _, _, err := readWhole(pack); !fault.Is(err, fault.Integrity) {
				t.Errorf("accepted, or another kind: %v", err)
			}
		})
	}
}

func TestRefusesContainers(t *testing.T) {
	controlTar := debtest.Compress(t, debtest.XZ, debtest.Tar(t, debtest.File("./control", control)))
	dataTar := debtest.Compress(t, debtest.XZ, debtest.Tar(t, debtest.File("./a", "hello")))
	member := func(name string, data []byte) debtest.Member { return debtest.Member{Name: name, Data: data} }
	good := []debtest.Member{member("debian-binary", []byte("2.0\n")), member("control.tar.xz", controlTar), member("data.tar.xz", dataTar)}
	if _, _, err := readWhole(debtest.Ar(good...)); err != nil {
		t.Fatal(err)
	}
	with := func(i int, m debtest.Member) []byte {
		changed := append([]debtest.Member(nil), good...)
		changed[i] = m
		return debtest.Ar(changed...)
	}
	damaged := bytes.Clone(dataTar)
	damaged[len(damaged)/2] ^= 1
	huge := debtest.Tar(t, debtest.File("./a", ""))
	copy(huge[124:], "77777777777\x00") // says 8 GiB; the header's checksum no longer fits
	cases := map[string][]byte{
		"empty":                 {},
		"HTML":                  []byte("<html>sign in</html>"),
		"only a magic":          []byte("!<arch>\n"),
		"two members":           debtest.Ar(good[:2]...),
		"four members":          debtest.Ar(append(good, member("_gpgorigin", []byte("x")))...),
		"trailing data":         append(debtest.Ar(good...), "junk"...),
		"truncated":             debtest.Ar(good...)[:200],
		"wrong order":           debtest.Ar(good[0], good[2], good[1]),
		"first member":          with(0, member("debian_binary", []byte("2.0\n"))),
		"version 3":             with(0, member("debian-binary", []byte("3.0\n"))),
		"unknown compression":   with(2, member("data.tar.lzma", dataTar)),
		"no compression":        with(2, member("data.tar.xz", []byte("plain"))),
		"damaged data":          with(2, member("data.tar.xz", damaged)),
		"truncated data":        with(2, member("data.tar.xz", dataTar[:len(dataTar)-20])),
		"data after the tar":    with(2, member("data.tar", append(debtest.Tar(t, debtest.File("./a", "x")), "junk"...))),
		"damaged tar header":    with(2, member("data.tar", huge)),
		"no control file":       with(1, member("control.tar", debtest.Tar(t, debtest.File("./other", control)))),
		"two stanzas":           with(1, member("control.tar", debtest.Tar(t, debtest.File("./control", control+"\n"+control)))),
		"no version":            with(1, member("control.tar", debtest.Tar(t, debtest.File("./control", "Package: a\nArchitecture: all\n")))),
		"repeated field":        with(1, member("control.tar", debtest.Tar(t, debtest.File("./control", control+"Package: b\n")))),
		"malformed md5sums":     with(1, member("control.tar", debtest.Tar(t, debtest.File("./control", control), debtest.File("./md5sums", "x\n")))),
		"negative member size":  bytes.Replace(debtest.Ar(good...), []byte("4         `"), []byte("-4        `"), 1),
		"member without an end": bytes.Replace(debtest.Ar(good...), []byte("`\n"), []byte("x\n"), 1),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			if _, _, err := readWhole(data); !fault.Is(err, fault.Integrity) {
				t.Errorf("accepted, or another kind: %v", err)
			}
		})
	}
}

// TestBomb reads a small package that unpacks to more than is allowed.
func TestBomb(t *testing.T) {
	entry := debtest.File("./control", strings.Repeat("a", MaxControl+1))
	pack := debtest.WithControl(t, debtest.XZ, []debtest.Entry{entry}, nil)
	if len(pack) > 1<<20 {
		t.Fatalf("bomb has %d bytes", len(pack))
	}
	if _, _, err := readWhole(pack); !fault.Is(err, fault.Integrity) {
		t.Errorf("accepted, or another kind: %v", err)
	}
}

// TestDictionary gives an xz header that asks for a window of 3 GiB: refused
// before it is allocated.
func TestDictionary(t *testing.T) {
	packed := debtest.Compress(t, debtest.XZ, debtest.Tar(t, debtest.File("./a", "x")))
	// Stream header (12 bytes), block header: size, flags, filter 0x21, one
	// property byte, the dictionary's size; then padding and its CRC32.
	header := packed[12 : 12+(int(packed[12])+1)*4]
	at := bytes.Index(header, []byte{0x21, 0x01})
	if at < 0 {
		t.Fatal("no LZMA2 filter in the block header")
	}
	header[at+2] = 39
	putCRC32(header)
	pack := debtest.Ar(
		debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")},
		debtest.Member{Name: "control.tar", Data: debtest.Tar(t, debtest.File("./control", control))},
		debtest.Member{Name: "data.tar.xz", Data: packed},
	)
	if _, _, err := readWhole(pack); !fault.Is(err, fault.Integrity) {
		t.Errorf("accepted, or another kind: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(debtest.Package(f, "example", "1", "all", debtest.Dir("./usr/"), debtest.File("./usr/a", "x")))
	f.Add(debtest.WithControl(f, debtest.Plain, []debtest.Entry{debtest.File("./control", control)}, []debtest.Entry{debtest.Link("./a", "b")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, files, err := readWhole(data)
		if err != nil {
			return
		}
		for name := range files {
			if strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || strings.Contains(name, "/../") {
				t.Errorf("path %q is accepted", name)
			}
		}
	})
}
