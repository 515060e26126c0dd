package rootfs

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompareLibraries checks the order of the loader's binary search.
func TestCompareLibraries(t *testing.T) {
	ascending := []string{
		"ld-linux-x86-64.so.2", "libBrokenLocale.so.1", "libc.so.6", "libcap.so.2", "libcrypto.so.3", "libnss_dns.so.2", "libnss_files.so.2",
		"libstdc++.so.6", "libx.so", "libx.so.2", "libx.so.10", "libx11.so", "libx11.so.1",
	}
	shuffled := slices.Clone(ascending)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, compareLibraries)
	// Digits sort after everything else, so "libx1" follows "libx.".
	if diff := cmp.Diff(ascending, shuffled); diff != "" {
		t.Error(diff)
	}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := compareLibraries(a, b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
}

// TestLoaderCache holds the encoding against a cache written out by hand after
// glibc's dl-cache.h. That a real loader finds libraries through it is tested
// where real packages are unpacked.
func TestLoaderCache(t *testing.T) {
	got := loaderCache([]library{{"liba.so.1", "/usr/lib/liba.so.1"}, {"liba.so.2", "/usr/lib/liba.so.2"}}, 0x0303)
	want := "glibc-ld.so.cache1.1" + "\x02\x00\x00\x00" + "\x3a\x00\x00\x00" + "\x02\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x03\x03\x00\x00" + "\x60\x00\x00\x00" + "\x6a\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x03\x03\x00\x00" + "\x7d\x00\x00\x00" + "\x87\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" +
		"liba.so.2\x00/usr/lib/liba.so.2\x00liba.so.1\x00/usr/lib/liba.so.1\x00"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
