// Package worker takes requests and signals from the sources and sees every
// run through to its one terminal status at the server.
//
//	Request ─► journal: accepted ─► [source acknowledges] ─► slot ─► claim at the server
//	        ─► Runner: journal: starting ─► child ─► journal: ended + result ─► server ─► journal: delivered
//
// What only looks is done while something else is waited for: the server's
// result is read first beside the journal, and Runner.Prepare works beside the
// claim.
//
// What is allowed when is decided by package lifecycle; this package does what
// it says and tells it what came of it. The journal is always ahead: whatever
// a crash interrupts, Recover finds either nothing done or a record of it. A
// child is started at most once; a result is written until the server has it.
// A panic of the Runner's ends its run, and not the executor.
package worker
