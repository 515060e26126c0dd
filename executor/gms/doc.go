// Package gms is the client of DataHub's metadata service (GMS), for what an
// executor needs of it: proposals, reads of aspects from the primary store,
// GraphQL, the secrets of the UI, and the list of execution requests.
//
//	Propose   POST /aspects?action=ingestProposal
//	Aspects   POST /openapi/v3/entity/{type}/batchGet, else GET /aspects/{urn}
//	GraphQL   POST /api/graphql
//	Config    GET  /config
//
// Every call ends with its context, is tried again where that can help, and
// fails with an *Error. Answers are bounded. The credential goes to the one
// configured origin only and is in no error.
package gms
