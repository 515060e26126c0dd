// Package builder calls the stages of lockforge in order. The data path:
//
//	manifest.Load ─► index.Discover ─► catalog.Load ─► plan.New
//	    `lockforge lock`:  debian.Resolve, pypi.Resolve ─► lock.Write
//	    `lockforge build`: lock.Read + Check ─► fetch.All ─► graph.Build ─► solve.Run
//	        ─► solve.Prove ─► facts.Collect + Match ─► sbom ─► policy.Eval
//	        ─► attest.Make + Sign ─► image outputs
//
// Every stage takes and returns plain values; this package holds no logic of
// its own besides their order. `build` never resolves and reads manifest and
// lock only.
package builder
