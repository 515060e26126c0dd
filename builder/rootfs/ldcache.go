package rootfs

import (
	"encoding/binary"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/venv"
)

// library is one line of the loader cache: the name programs ask for, and the
// absolute path that answers.
type library struct {
	name, path string
}

// addLoaderCache writes /etc/ld.so.cache over the libraries of the default
// directories, as ldconfig would. The loader works without it, only slower.
func (b *builder) addLoaderCache() error {
	objects, err := b.readObjects()
	if err != nil {
		return err
	}
	dirs := b.directories()
	var libraries []library
	seen := map[string]bool{}
	for _, dir := range b.machine.libraryDirs() {
		for name, e := range b.entries {
			base := path.Base(name)
			if path.Dir(name) != dir || e.Type == venv.Dir || !isLibraryName(base) {
				continue
			}
			target, ok := b.resolve(dirs, name)
			if !ok || objects[target] == nil {
				continue
			}
			// A library is found by its soname; other names are for linkers.
			soname := objects[target].soname
			if (soname == "" || soname == base) && !seen[base] {
				seen[base] = true
				libraries = append(libraries, library{name: base, path: "/" + name})
			}
		}
	}
	b.addFile(OS, "etc/ld.so.cache", string(loaderCache(libraries, b.machine.flags)))
	return nil
}

func isLibraryName(base string) bool {
	return (strings.HasPrefix(base, "lib") || strings.HasPrefix(base, "ld-")) && strings.Contains(base, ".so")
}

// Sizes of the structures of glibc's dl-cache.h, format glibc-ld.so.cache1.1.
const (
	cacheMagic      = "glibc-ld.so.cache1.1"
	cacheHeaderSize = 48
	cacheEntrySize  = 24
	cacheLittle     = 2 // cache_file_new_flags_endian_little
)

// loaderCache encodes the cache: a header, the entries in descending order of
// their names (the loader's binary search relies on it), the strings that the
// entries point to by their offset in the file. No extension section follows.
func loaderCache(libraries []library, flags uint32) []byte {
	slices.SortFunc(libraries, func(a, b library) int { return compareLibraries(b.name, a.name) })
	var texts []byte
	base := cacheHeaderSize + cacheEntrySize*len(libraries)
	text := func(s string) uint32 {
		offset := base + len(texts)
		texts = append(append(texts, s...), 0)
		return uint32(offset)
	}
	var entries []byte
	for _, l := range libraries {
		entries = binary.LittleEndian.AppendUint32(entries, flags)
		entries = binary.LittleEndian.AppendUint32(entries, text(l.name))
		entries = binary.LittleEndian.AppendUint32(entries, text(l.path))
		entries = binary.LittleEndian.AppendUint32(entries, 0) // OS version, unused
		entries = binary.LittleEndian.AppendUint64(entries, 0) // hardware capabilities: none
	}
	cache := []byte(cacheMagic)
	cache = binary.LittleEndian.AppendUint32(cache, uint32(len(libraries)))
	cache = binary.LittleEndian.AppendUint32(cache, uint32(len(texts)))
	cache = append(cache, cacheLittle, 0, 0, 0)
	cache = append(cache, make([]byte, cacheHeaderSize-len(cache))...)
	return append(append(cache, entries...), texts...)
}

// compareLibraries is the loader's order, _dl_cache_libcmp: runs of digits by
// value and after everything else, other characters by their code.
func compareLibraries(a, b string) int {
	for a != "" {
		digitA, digitB := isDigit(a, 0), isDigit(b, 0)
		switch {
		case digitA && digitB:
			var numberA, numberB uint32
			numberA, a = cutNumber(a)
			numberB, b = cutNumber(b)
			if numberA != numberB {
				if numberA > numberB {
					return 1
				}
				return -1
			}
		case digitA:
			return 1
		case digitB:
			return -1
		case b == "":
			return 1
		case a[0] != b[0]:
			return int(a[0]) - int(b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return -len(b)
}

func isDigit(s string, i int) bool { return i < len(s) && '0' <= s[i] && s[i] <= '9' }

// cutNumber wraps around as the loader's own arithmetic does.
func cutNumber(s string) (uint32, string) {
	var n uint32
	for isDigit(s, 0) {
		n = n*10 + uint32(s[0]-'0')
		s = s[1:]
	}
	return n, s
}
