// Package remote runs the attacks of package dynamic at a BuildKit elsewhere.
//
//	image.Platform ─► blobs, in order ─► solve.Client.Enter ─► one container per probe ─► container.Outcome
//
// It needs no root and no runc here: the image is unpacked for lookups only. The
// attacks' package index stays in this process and is carried to a socket in the
// containers. A build step cannot be given what tiers R and X ask for; Refuses
// says what.
package remote
