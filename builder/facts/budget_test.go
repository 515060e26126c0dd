package facts

import (
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
)

func TestBudgetIsOfAllLayersTogether(t *testing.T) {
	b := new(budget)
	b.entries.Store(maxEntries - 1)
	if err := b.entry(0); err != nil {
		t.Errorf("the last entry is refused: %v", err)
	}
	if err := b.entry(7); !fault.Is(err, fault.Integrity) {
		t.Errorf("one entry too many: %v", err)
	}
	if err := b.text(0, maxTexts); err != nil {
		t.Errorf("the last text is refused: %v", err)
	}
	if err := b.text(1, 1); !fault.Is(err, fault.Integrity) {
		t.Errorf("one text too many: %v", err)
	}
}
