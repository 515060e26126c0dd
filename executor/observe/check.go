package observe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Operator compares a number with one or two others, as DataHub's
// AssertionStdOperator does, in lower case.
type Operator string

// Operators.
const (
	Between              Operator = "between"
	LessThan             Operator = "less_than"
	LessThanOrEqualTo    Operator = "less_than_or_equal_to"
	GreaterThan          Operator = "greater_than"
	GreaterThanOrEqualTo Operator = "greater_than_or_equal_to"
	EqualTo              Operator = "equal_to"
	NotEqualTo           Operator = "not_equal_to"
)

// operators are those that compare numbers. Of DataHub's others the file may
// name any, for its result is then an ERROR.
var (
	operators   = []Operator{Between, LessThan, LessThanOrEqualTo, GreaterThan, GreaterThanOrEqualTo, EqualTo, NotEqualTo}
	unsupported = []Operator{"null", "not_null", "contain", "end_with", "start_with", "regex_match", "in", "not_in", "is_true", "is_false", "_native_"}
)

// Check is the condition on a number.
type Check struct {
	Operator Operator
	Value    float64
	Min, Max float64 // for Between, both included
}

// supported reports whether the operator compares numbers.
func (c Check) supported() bool { return slices.Contains(operators, c.Operator) }

// holds reports whether v meets the condition. NaN never does.
func (c Check) holds(v float64) bool {
	if math.IsNaN(v) {
		return false
	}
	switch c.Operator {
	case Between:
		return v >= c.Min && v <= c.Max
	case LessThan:
		return v < c.Value
	case LessThanOrEqualTo:
		return v <= c.Value
	case GreaterThan:
		return v > c.Value
	case GreaterThanOrEqualTo:
		return v >= c.Value
	case EqualTo:
		return v == c.Value
	case NotEqualTo:
		return v != c.Value
	}
	return false
}

// native adds the numbers that were compared, under upstream's names.
func (c Check) native(results map[string]string) {
	if c.Operator == Between {
		results["Compared Min Value"] = number(c.Min)
		results["Compared Max Value"] = number(c.Max)
		return
	}
	results["Compared Value"] = number(c.Value)
}

// change returns how far value is from before. It fails for a percentage of 0.
func (c Change) of(before, value float64) (float64, error) {
	switch c {
	case Absolute:
		return value - before, nil
	case Percentage:
		if before == 0 {
			return 0, fmt.Errorf("the previous value is 0, of which there is no percentage")
		}
		return (value - before) / math.Abs(before) * 100, nil
	}
	return value, nil
}

// number writes a number without an exponent where it is an everyday one.
func number(v float64) string {
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e18) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
