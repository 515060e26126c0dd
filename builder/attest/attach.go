package attest

import (
	"bytes"
	"context"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
)

// Attach signs the image and the statements about it and stores the result
// beside the image.
//
// It can be repeated: what this signer signed before with the same content is
// left as it is, and a statement with the same type and subjects, or an image
// signature, replaces the signer's earlier one. Other signers' work stays.
// Errors: fault.Usage where a statement is about another image, fault.Sign,
// fault.Network; nothing is stored when signing fails.
func Attach(ctx context.Context, t *Target, s *Signer, statements []Statement) error {
	for _, st := range statements {
		if !st.About(t.Digest()) {
			return fault.New(fault.Usage, "attaching statement %s: it is not about %s", st.PredicateType, t.Digest())
		}
	}
	before, err := t.records(ctx)
	if err != nil {
		return err
	}
	if s.keyless != nil {
		return s.attachBundles(ctx, t, before, statements)
	}
	after, err := s.renew(ctx, t, before, statements)
	if err != nil {
		return err
	}
	if slices.EqualFunc(before, after, record.equal) {
		return nil
	}
	return t.store(ctx, after)
}

func (t *Target) store(ctx context.Context, records []record) error {
	packed, err := packs(records, t.subject)
	if err != nil {
		return err
	}
	return t.place.replace(ctx, t.subject, packed)
}

// renew returns the records as they should be. A record keeps its place, so
// that signing twice changes nothing.
func (s *Signer) renew(ctx context.Context, t *Target, before []record, statements []Statement) ([]record, error) {
	payload, err := simplePayload(t.name, t.Digest())
	if err != nil {
		return nil, err
	}
	after := slices.Clone(before)
	after, err = s.renewOne(after, payload, func(r record) bool { return r.kind == imageSignature && s.made(r) != nil },
		func() (record, error) { return s.signImage(ctx, payload) })
	if err != nil {
		return nil, err
	}
	for _, st := range statements {
		payload, err := st.Marshal()
		if err != nil {
			return nil, err
		}
		same := func(r record) bool {
			old, err := parseStatement(s.made(r))
			return r.kind == attestation && err == nil && old.identity() == st.identity()
		}
		after, err = s.renewOne(after, payload, same, func() (record, error) { return s.signStatement(ctx, st, payload) })
		if err != nil {
			return nil, err
		}
	}
	return after, nil
}

// renewOne keeps the signer's record with this payload, or puts a new one in
// the place of those that say the same about the image.
func (s *Signer) renewOne(records []record, payload []byte, same func(record) bool, sign func() (record, error)) ([]record, error) {
	at := slices.IndexFunc(records, same)
	if at < 0 {
		r, err := sign()
		return append(records, r), err
	}
	if !bytes.Equal(s.made(records[at]), payload) {
		r, err := sign()
		if err != nil {
			return nil, err
		}
		records[at] = r
	}
	kept := records[:at+1]
	return append(kept, slices.DeleteFunc(records[at+1:], same)...), nil
}

// made returns the payload of a record if this signer's key signed it.
func (s *Signer) made(r record) []byte {
	payload, err := verifyWithKey(s.own, r)
	if err != nil {
		return nil
	}
	return payload
}
