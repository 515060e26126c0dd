package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// publishedKeys are private keys that a library's source publishes, by the
// SHA-256 of the whole block in PEM without white space. Programs that check
// themselves at their start carry them, also where no package's list says so.
//
// All are of GnuTLS, lib/crypto-selftests-pk.c.
var publishedKeys = map[string]bool{
	"05d6b9b8355fb9d7e8d6f4f49fa5aab89b23b63e9442f15da8be7894fac07f4b": true, // DSA
	"ea71262809fc57fca49da9608b04e834c1fefb1741262d382aa996b43da86853": true, // ECDSA, secp256r1
	"66aefba13ce815a6ff26663773b4fdce1faff87be51daa28930b31a63645de8c": true, // GOST R 34.10-2001
	"7d1af1e9fa2e1dc983e22c66894ef86c21e3e2ce4f8f7660401da96ef3596fcf": true, // GOST R 34.10-2012, 256 bits
	"003cc63927b31514f9365c3d8d8b279d2fa287617eccdf5eb7f499521c95cc67": true, // GOST R 34.10-2012, 512 bits
	"c3459defde59823bfe13d6edb7f2d776775dc0489de98ca9c4322f948e278730": true, // RSA
}

// keyBlock is a private key in PEM, to its end.
var keyBlock = regexp.MustCompile(`^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----`)

// isPublishedKey reports whether b begins with one of publishedKeys, all of it.
func isPublishedKey(b []byte) bool {
	block := keyBlock.Find(b[:min(len(b), overlap)])
	if block == nil {
		return false
	}
	return publishedKeys[hashOf(string(block))]
}

// hashOf is the hash of a text without its white space, in hex.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(text), "")))
	return hex.EncodeToString(sum[:])
}
