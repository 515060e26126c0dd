// Package gmstest is a stand-in for DataHub's metadata service that tests and
// scripts run against: it stores aspects with their history, judges proposals
// as the real one does (the schemas are those inside a wheel of acryl-datahub),
// answers the reads and queries of an executor, and breaks on demand.
//
// What it deliberately does like the real one: a result with a final status
// cannot be changed, search learns of a request late, secrets are for system
// accounts only, and absence is told apart from a wrong address.
package gmstest
