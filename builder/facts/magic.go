package facts

import (
	"bytes"
	"path"
	"strings"
)

// Magic is what the first bytes of a file, and where they do not say enough
// its name, tell about it. "" is anything else.
type Magic string

// What Magic can be.
const (
	MagicELF    Magic = "elf"
	MagicScript Magic = "script" // starts with "#!"
	MagicZip    Magic = "zip"
	MagicWheel  Magic = "wheel" // a ZIP named *.whl
	MagicPyc    Magic = "pyc"
	MagicAr     Magic = "ar"
	MagicGzip   Magic = "gzip"
	MagicXz     Magic = "xz"
	MagicZstd   Magic = "zstd"
	MagicMachO  Magic = "macho"
	MagicPE     Magic = "pe"
)

func magicOf(name string, head []byte) Magic {
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return MagicELF
	case bytes.HasPrefix(head, []byte("#!")):
		return MagicScript
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		if strings.HasSuffix(strings.ToLower(name), ".whl") {
			return MagicWheel
		}
		return MagicZip
	case bytes.HasPrefix(head, []byte("!<arch>\n")):
		return MagicAr
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return MagicGzip
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return MagicXz
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return MagicZstd
	case bytes.HasPrefix(head, []byte{0xcf, 0xfa, 0xed, 0xfe}), bytes.HasPrefix(head, []byte{0xce, 0xfa, 0xed, 0xfe}):
		return MagicMachO
	case bytes.HasPrefix(head, []byte("MZ")) && strings.HasSuffix(strings.ToLower(name), ".exe"):
		return MagicPE
	case path.Ext(name) == ".pyc" && len(head) >= 16 && head[2] == '\r' && head[3] == '\n':
		return MagicPyc
	}
	return ""
}
