// Package service is an executor that serves: it makes the parts out of a
// configuration, runs them, and ends them in order.
//
//	queue sources ─► worker ─► ingestion ─► child
//	                  │  │
//	            journal  results ─► GMS
//
// Every part has its own package and knows nothing of the others; what joins
// them is here.
package service
