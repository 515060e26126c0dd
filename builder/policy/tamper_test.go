package policy_test

import (
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/internal/testenv"
)

// Whatever byte of a rule is changed, it is refused, or the set has another
// digest than the one that verdicts and statements name.
func TestNoByteOfARuleCanBeChanged(t *testing.T) {
	t.Parallel()
	files := custom("ready if input.config\ndeny contains {\"msg\": \"wrong user\"} if input.config.user == \"0\" # comment")
	before, err := policy.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.rego")
	if err != nil || len(names) != 1 {
		t.Fatalf("rule files %v: %v", names, err)
	}
	content, err := fs.ReadFile(files, names[0])
	if err != nil {
		t.Fatal(err)
	}
	content = slices.Clone(content)
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	refused := 0
	for range testenv.Changes() {
		at, undo := testenv.ChangeByte(random, content)
		after, err := policy.Load(fstest.MapFS{names[0]: {Data: content}})
		now := content[at]
		undo()
		switch {
		case err != nil && !fault.Is(err, fault.Policy):
			t.Fatalf("byte %d (%q) is %q: %v", at, content[at], now, err)
		case err != nil:
			refused++
		case after.Digest() == before.Digest():
			t.Fatalf("byte %d (%q) is %q: the set has the same digest", at, content[at], now)
		}
	}
	if refused == 0 {
		t.Error("no change made a rule that is none")
	}
}
