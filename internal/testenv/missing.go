// Package testenv gives tests the real things they run against: BuildKit,
// registries, an index mirror, throw-away signing material.
package testenv

import (
	"os"
	"testing"
)

// Missing ends a test whose prerequisite this machine lacks: loudly skipped on
// a developer's machine, a failure where REQUIRE_ALL=1 promises everything.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("REQUIRE_ALL") == "1" {
		t.Fatalf("REQUIRE_ALL=1, but "+format, args...)
	}
	t.Skipf(format, args...)
}
