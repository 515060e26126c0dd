package testenv

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// envSeed repeats a run: the seed is in the log of each.
const envSeed = "LOCKFORGE_TEST_SEED"

// Seed returns the seed of a random test: $LOCKFORGE_TEST_SEED, or a new one.
// It is logged either way.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
	}
	t.Logf("%s=%d", envSeed, seed)
	return seed
}

// Changes is how many single bytes a test changes in each kind of file: 1,000
// where everything is asked for, by REQUIRE_ALL=1 or LOCKFORGE_LIVE=1, else 100.
func Changes() int {
	if os.Getenv("REQUIRE_ALL") == "1" || os.Getenv("LOCKFORGE_LIVE") == "1" {
		return 1000
	}
	return 100
}

// ChangeByte changes one byte of content in place, to whatever else, and
// returns where, and what undoes it.
func ChangeByte(random *rand.Rand, content []byte) (at int, undo func()) {
	at = random.IntN(len(content))
	was := content[at]
	content[at] ^= byte(1 + random.IntN(255))
	return at, func() { content[at] = was }
}
