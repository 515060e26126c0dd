package debian

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/lockforge/lockforge/builder/fault"
)

const someFile = " " + "1111111111111111111111111111111111111111111111111111111111111111" + " 42 main/binary-amd64/Packages.xz\n"

func TestVerifyRelease(t *testing.T) {
	key, other := testKey(t), testKey(t)
	yesterday := now.AddDate(0, 0, -1)
	good := want{suite: "trixie", archive: Main, keys: openpgp.EntityList{key}, now: now}
	text := releaseText("trixie", Main, someFile, nil)
	signed := signAt(t, key, yesterday, text)

	r, err := verifyRelease(signed, good)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.files["main/binary-amd64/Packages.xz"]; got.size != 42 || !r.byHash {
		t.Errorf("file is %+v", r)
	}
	if got := r.date.Format(time.RFC3339); got != "2026-11-20T00:12:42Z" {
		t.Errorf("date is %s", got)
	}

	change := func(f func(*want)) want { w := good; f(&w); return w }
	sign := func(fields map[string]string) []byte {
		return signAt(t, key, yesterday, releaseText("trixie", Main, someFile, fields))
	}
	replace := func(old, new string) []byte { return bytes.Replace(signed, []byte(old), []byte(new), 1) }
	cases := map[string]struct {
		data []byte
		want want
		kind fault.Kind
	}{
		"one byte changed":        {replace("Packages.xz", "Packages.xy"), good, fault.Signature},
		"size changed":            {replace(" 42 ", " 43 "), good, fault.Signature},
		"signature changed":       {damageSignature(signed), good, fault.Signature},
		"another key":             {signAt(t, other, yesterday, text), good, fault.Signature},
		"no key":                  {signed, change(func(w *want) { w.keys = nil }), fault.Signature},
		"not signed":              {[]byte(text), good, fault.Signature},
		"a login page":            {[]byte("<html>sign in</html>"), good, fault.Signature},
		"empty":                   {nil, good, fault.Signature},
		"text before":             {append([]byte("Origin: Evil\n"), signed...), good, fault.Signature},
		"line break before":       {append([]byte("\n"), signed...), good, fault.Signature},
		"text after":              {append(bytes.Clone(signed), "SHA256:\n"...), good, fault.Signature},
		"two messages":            {append(bytes.Clone(signed), signed...), good, fault.Signature},
		"truncated":               {signed[:len(signed)/2], good, fault.Signature},
		"signed in the future":    {signAt(t, key, now.AddDate(0, 0, 1), text), good, fault.Signature},
		"key expired":             {signed, change(func(w *want) { w.now = now.AddDate(-2, 0, 0) }), fault.Signature},
		"another suite":           {signed, change(func(w *want) { w.suite = "bookworm" }), fault.Integrity},
		"another archive":         {signed, change(func(w *want) { w.archive = Updates }), fault.Integrity},
		"main as security":        {signed, change(func(w *want) { w.archive = Security }), fault.Integrity},
		"another origin":          {sign(map[string]string{"Origin": "Evil"}), good, fault.Integrity},
		"another label":           {sign(map[string]string{"Label": "Debian-Security"}), good, fault.Integrity},
		"no codename":             {sign(map[string]string{"Codename": ""}), good, fault.Integrity},
		"expired":                 {sign(map[string]string{"Valid-Until": "Sun, 22 Nov 2026 11:59:59 UTC"}), good, fault.Integrity},
		"unreadable Valid-Until":  {sign(map[string]string{"Valid-Until": "tomorrow"}), good, fault.Integrity},
		"made in the future":      {sign(map[string]string{"Date": "Mon, 23 Nov 2026 12:00:00 UTC"}), good, fault.Integrity},
		"no date":                 {sign(map[string]string{"Date": ""}), good, fault.Integrity},
		"local time":              {sign(map[string]string{"Date": "Fri, 20 Nov 2026 00:12:42 CET"}), good, fault.Integrity},
		"older than before":       {signed, change(func(w *want) { w.previous = "2026-11-20T00:12:43Z" }), fault.Integrity},
		"unreadable earlier date": {signed, change(func(w *want) { w.previous = "yesterday" }), fault.LockDrift},
		"second stanza":           {signAt(t, key, yesterday, text+"\nOrigin: Debian\n"), good, fault.Integrity},
		"file listed twice":       {signAt(t, key, yesterday, text+someFile), good, fault.Integrity},
		"malformed checksum":      {signAt(t, key, yesterday, text+" 11 42 other\n"), good, fault.Integrity},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := verifyRelease(c.data, c.want); fault.KindOf(err) != c.kind {
				t.Errorf("error is of kind %s: %v", fault.KindOf(err), err)
			}
		})
	}

	accepted := map[string]struct {
		data []byte
		want want
	}{
		"two keys":           {signed, change(func(w *want) { w.keys = openpgp.EntityList{other, key} })},
		"no Valid-Until":     {sign(map[string]string{"Valid-Until": ""}), good},
		"as old as before":   {signed, change(func(w *want) { w.previous = "2026-11-20T00:12:42Z" })},
		"newer than before":  {signed, change(func(w *want) { w.previous = "2026-11-01T00:00:00Z" })},
		"clock a bit behind": {sign(map[string]string{"Date": "Sun, 22 Nov 2026 12:09:00 UTC"}), good},
	}
	for name, c := range accepted {
		t.Run(name, func(t *testing.T) {
			if _, err := verifyRelease(c.data, c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

// damageSignature changes a character in the middle of the armour.
func damageSignature(signed []byte) []byte {
	changed := bytes.Clone(signed)
	at := bytes.Index(changed, []byte("-----BEGIN PGP SIGNATURE")) + 80
	if changed[at] == 'A' {
		changed[at] = 'B'
	} else {
		changed[at] = 'A'
	}
	return changed
}

// TestPinnedKeys reads every embedded key and holds it against the table.
func TestPinnedKeys(t *testing.T) {
	entries, err := keyFiles.ReadDir("keys")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".asc")
		key, err := readKey(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if key.PrivateKey != nil {
			t.Errorf("%s holds a private key", name)
		}
		if got := strings.ToUpper(hex.EncodeToString(key.PrimaryKey.Fingerprint)); got != fingerprints[name] {
			t.Errorf("%s is %s", name, got)
		}
	}
	if len(entries) != len(fingerprints) {
		t.Errorf("%d key files, %d fingerprints", len(entries), len(fingerprints))
	}
	used := map[string]bool{}
	for suite, byArchive := range signers {
		for _, a := range archives {
			if _, err := pinnedKeys(suite, a); err != nil {
				t.Error(err)
			}
			for _, name := range byArchive[a] {
				used[name] = true
				if strings.Contains(name, "security") != (a == Security) {
					t.Errorf("key %s may sign %s %s", name, suite, a)
				}
			}
		}
	}
	if len(used) != len(fingerprints) {
		t.Errorf("%d of %d keys are used", len(used), len(fingerprints))
	}
}
