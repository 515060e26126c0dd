package check_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test's program be the executor that the sandbox starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "help" {
		fmt.Println("executor runs DataHub ingestion")
		os.Exit(0)
	}
	os.Exit(m.Run())
}
