package debian

import (
	"bytes"
	"embed"
	"encoding/hex"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/lockforge/lockforge/builder/fault"
)

// The archive's signing keys, as the distribution's own keyring package
// publishes them, reduced to what a verification needs.
//
//go:embed keys/*.asc
var keyFiles embed.FS

// fingerprints pins the primary key of each embedded file. A file that holds
// another key, or a second one, is refused.
var fingerprints = map[string]string{
	"bookworm-automatic": "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
	"bookworm-release":   "4D64FEC119C2029067D6E791F8D2585B8783D481",
	"bookworm-security":  "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
	"bullseye-security":  "AC530D520F2F3269F5E98313A48449044AAD5C5D",
	"trixie-automatic":   "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
	"trixie-release":     "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
	"trixie-security":    "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
}

// signers says which keys may sign what. An archive is signed by its own
// release's key and by the one before or after, so that keys can be rotated;
// one good signature is enough. Any other key of the keyring, however
// genuine, vouches for nothing here.
var signers = map[string]map[ArchiveName][]string{
	"trixie": {
		Main:     {"bookworm-automatic", "trixie-automatic", "trixie-release"},
		Updates:  {"bookworm-automatic", "trixie-automatic"},
		Security: {"bookworm-security", "trixie-security"},
	},
	"bookworm": {
		Main:     {"bookworm-automatic", "trixie-automatic", "bookworm-release"},
		Updates:  {"bookworm-automatic", "trixie-automatic"},
		Security: {"bullseye-security", "bookworm-security", "trixie-security"},
	},
}

// pinnedKeys returns the keys that may sign an archive of a suite.
func pinnedKeys(suite string, archive ArchiveName) (openpgp.EntityList, error) {
	var ring openpgp.EntityList
	for _, name := range signers[suite][archive] {
		key, err := readKey(name)
		if err != nil {
			return nil, err
		}
		ring = append(ring, key)
	}
	if len(ring) == 0 {
		return nil, fault.New(fault.Internal, "no key is pinned for %s %s", suite, archive)
	}
	return ring, nil
}

func readKey(name string) (*openpgp.Entity, error) {
	armored, err := keyFiles.ReadFile("keys/" + name + ".asc")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading key %s", name)
	}
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading key %s", name)
	}
	if len(keys) != 1 {
		return nil, fault.New(fault.Internal, "key file %s holds %d keys", name, len(keys))
	}
	got := strings.ToUpper(hex.EncodeToString(keys[0].PrimaryKey.Fingerprint))
	if got != fingerprints[name] {
		return nil, fault.New(fault.Internal, "key file %s holds key %s", name, got)
	}
	return keys[0], nil
}
