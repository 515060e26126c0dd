package capacity

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Weight is a share of a pool in thousandths. Integers do not drift: what was
// added is what is taken away.
type Weight int

// Size is what the weights of the tasks that run at once add up to at most.
const Size Weight = 1000

// ErrWeight is for a text that is no weight.
var ErrWeight = errors.New("a weight is a decimal number above 0, such as 0.25 for a quarter of the executor")

// maxText bounds the text of a weight, in bytes.
const maxText = 64

// ParseWeight reads upstream's form of a weight, a share of 1. More than 1 is
// all; what is less than a thousandth is a thousandth. It fails with ErrWeight,
// also for 0 and less, which upstream accepts and then miscounts.
func ParseWeight(text string) (Weight, error) {
	number := strings.TrimSpace(text)
	if len(number) > maxText || strings.ContainsAny(number, "xXpP_") {
		return 0, fmt.Errorf("%w; got %.64q", ErrWeight, text)
	}
	share, err := strconv.ParseFloat(number, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(share) || share <= 0 {
		return 0, fmt.Errorf("%w; got %.64q", ErrWeight, text)
	}
	// The nearest number to 0.57 is below it: a millionth of a thousandth is
	// closer than any weight that is meant to be another one.
	const slack = 1e-6
	return Weight(math.Floor(min(share, 1)*float64(Size) + slack)).clamp(), nil
}

// Share is the weight of a task that names none: an equal part for each worker.
func Share(workers int) Weight { return (Size / Weight(max(workers, 1))).clamp() }

func (w Weight) clamp() Weight { return min(max(w, 1), Size) }
