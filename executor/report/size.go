package report

import (
	"unicode/utf8"
)

// Bounds of a proposal, in bytes of its body.
const (
	// DefaultBudget stays below the 5 MiB that DataHub configures as the
	// largest Kafka message, with room for the rest of the event.
	DefaultBudget = 4 << 20
	// MaxBudget is upstream's ACRYL_EXECUTOR_GMS_PAYLOAD_MAX_LENGTH. It is
	// more than a server with default settings takes.
	MaxBudget = 15_368_520
	// Overhead is more than the proposal around the two texts has: keys,
	// identifiers, times, the names of aspect and type.
	Overhead = 2 << 10
)

// Cost in bytes of one character in the encoded proposal: a text there is a
// string in the JSON of the aspect, which is a string in the JSON of the
// proposal, all of it ASCII.
const (
	costShort  = 3  // \n becomes \\n
	costQuote  = 4  // " becomes \\\" and \ becomes \\\\
	costHex    = 7  // é becomes \\u00e9
	costAstral = 14 // two of those
)

// EncodedSize returns how many bytes text takes in the body of a proposal. It is
// exact for an encoder that escapes everything but ASCII in both layers and
// HTML in none; others need less, but for '<', '>' and '&', for which it
// counts what an encoder needs that escapes them.
func EncodedSize(text string) int {
	total := 0
	for i := 0; i < len(text); {
		cost, width := encodedRune(text[i:])
		total += cost
		i += width
	}
	return total
}

// encodedRune returns the cost of the first character and its length in bytes.
func encodedRune(text string) (cost, width int) {
	switch b := text[0]; {
	case b == '"' || b == '\\':
		return costQuote, 1
	case b == '\n' || b == '\r' || b == '\t' || b == '\b' || b == '\f':
		return costShort, 1
	case b < ' ' || b == 0x7f || b == '<' || b == '>' || b == '&':
		return costHex, 1
	case b < utf8.RuneSelf:
		return 1, 1
	}
	r, width := utf8.DecodeRuneInString(text)
	if r > 0xffff {
		return costAstral, width
	}
	return costHex, width // a broken character becomes U+FFFD
}

// cut returns the longest beginning of text that costs at most budget.
func cut(text string, budget int) string {
	for i := 0; i < len(text); {
		cost, width := encodedRune(text[i:])
		if budget -= cost; budget < 0 {
			return text[:i]
		}
		i += width
	}
	return text
}
