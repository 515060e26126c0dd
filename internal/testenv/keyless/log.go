package keyless

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	tilesnote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
	checkpoint "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"
)

// logName is the origin in checkpoints. It stands for the address, which
// changes from run to run.
const logName = "log.example"

// transparencyLog answers POST /api/v2/log/entries as Rekor does. It is a log
// of one entry, again and again: what it proves about an entry is checked all
// the same, and nobody asks it for two.
type transparencyLog struct {
	key *ecdsa.PrivateKey
	id  []byte
}

func newLog(t testing.TB) *transparencyLog {
	key := newKey(t)
	_, id, err := tilesnote.KeyHash(logName, key.Public())
	must(t, err)
	return &transparencyLog{key: key, id: id}
}

func (l *transparencyLog) trusted() map[string]*root.TransparencyLog {
	return map[string]*root.TransparencyLog{hex.EncodeToString(l.id): {
		BaseURL: "https://" + logName, ID: l.id, ValidityPeriodStart: time.Now().Add(-time.Hour),
		HashFunc: crypto.SHA256, PublicKey: l.key.Public(), SignatureHashFunc: crypto.SHA256,
	}}
}

func (l *transparencyLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/api/v2/log/entries" {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request := &tiles.CreateEntryRequest{}
	if err := protojson.Unmarshal(body, request); err != nil || request.GetHashedRekordRequestV002() == nil {
		http.Error(w, fmt.Sprintf("no hashedrekord: %v", err), http.StatusBadRequest)
		return
	}
	entry, err := l.enter(r.Context(), request.GetHashedRekordRequestV002())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text, err := protojson.Marshal(entry)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(text) // a client that is gone needs no answer
}

// enter makes the entry for a signature and the proof that it is in the log.
func (l *transparencyLog) enter(ctx context.Context, r *tiles.HashedRekordRequestV002) (*rekor.TransparencyLogEntry, error) {
	text, err := protojson.Marshal(&tiles.Entry{
		ApiVersion: "0.0.2", Kind: "hashedrekord",
		Spec: &tiles.Spec{Spec: &tiles.Spec_HashedRekordV002{HashedRekordV002: &tiles.HashedRekordLogEntryV002{
			Data:      &common.HashOutput{Algorithm: common.HashAlgorithm_SHA2_256, Digest: r.GetDigest()},
			Signature: r.GetSignature(),
		}}},
	})
	if err != nil {
		return nil, err
	}
	body, err := jsoncanonicalizer.Transform(text)
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(body)
	signed, err := l.checkpoint(ctx, leaf)
	if err != nil {
		return nil, err
	}
	return &rekor.TransparencyLogEntry{
		LogId: &common.LogId{KeyId: l.id}, KindVersion: &rekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"},
		InclusionProof: &rekor.InclusionProof{
			TreeSize: 1, RootHash: leaf, Checkpoint: &rekor.Checkpoint{Envelope: string(signed)},
		},
		CanonicalizedBody: body,
	}, nil
}

func (l *transparencyLog) checkpoint(ctx context.Context, top []byte) ([]byte, error) {
	key, err := signature.LoadECDSASignerVerifier(l.key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	signer, err := tilesnote.NewNoteSigner(ctx, logName, key)
	if err != nil {
		return nil, err
	}
	text := checkpoint.Checkpoint{Origin: logName, Size: 1, Hash: top}.Marshal()
	return note.Sign(&note.Note{Text: string(text)}, signer)
}
