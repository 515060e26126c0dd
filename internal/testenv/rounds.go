package testenv

import (
	"os"
	"strconv"
	"testing"
)

// envRounds asks for more rounds of faults than every run of the tests can
// afford; `make faults` sets it.
const envRounds = "LOCKFORGE_FAULT_ROUNDS"

// FaultRounds is how many faults a test tries: $LOCKFORGE_FAULT_ROUNDS, or few.
func FaultRounds(t testing.TB, few int) int {
	t.Helper()
	text := os.Getenv(envRounds)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a number of rounds", envRounds, text)
	}
	return n
}

// AllFaults says that more is asked for than every run can afford.
func AllFaults() bool { return os.Getenv(envRounds) != "" }
