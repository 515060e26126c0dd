package attest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/lockforge/lockforge/builder/fault"
)

// Media types of cosign's formats.
const (
	mediaSimpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"
	mediaDSSE          = "application/vnd.dsse.envelope.v1+json"
	mediaBundle        = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadInToto      = "application/vnd.in-toto+json"

	annotationSignature     = "dev.cosignproject.cosign/signature"
	annotationPredicateType = "predicateType"

	simpleSigningType = "cosign container image signature"
)

// envelope is a DSSE v1 envelope.
type envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     string              `json:"payload"` // base64
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"` // base64
}

// preAuth is what a DSSE signature covers: DSSE v1, "PAE".
func preAuth(payloadType string, payload []byte) []byte {
	head := "DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " "
	return append([]byte(head), payload...)
}

// open decodes an envelope. Exactly one signature is accepted: which of
// several a client looks at is not agreed on.
func openEnvelope(raw []byte) (payload, signature []byte, err error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, nil, err
	}
	if e.PayloadType != payloadInToto || len(e.Signatures) != 1 {
		return nil, nil, fmt.Errorf("envelope of %q with %d signatures", e.PayloadType, len(e.Signatures))
	}
	if payload, err = base64.StdEncoding.DecodeString(e.Payload); err != nil {
		return nil, nil, err
	}
	signature, err = base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
	return payload, signature, err
}

// simpleSigning is the payload of an image signature.
type simpleSigning struct {
	Critical struct {
		Identity struct {
			DockerReference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

func simplePayload(reference, digest string) ([]byte, error) {
	var s simpleSigning
	s.Critical.Identity.DockerReference = reference
	s.Critical.Image.Digest = digest
	s.Critical.Type = simpleSigningType
	return encode(s)
}

// claimedDigest is the image digest that a verified payload speaks of.
func claimedDigest(payload []byte) (string, error) {
	var s simpleSigning
	if err := json.Unmarshal(payload, &s); err != nil {
		return "", err
	}
	if s.Critical.Type != simpleSigningType {
		return "", fault.New(fault.Signature, "signature payload of type %q", s.Critical.Type)
	}
	return s.Critical.Image.Digest, nil
}
