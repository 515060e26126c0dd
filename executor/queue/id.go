package queue

import (
	"fmt"
	"strings"
)

// MaxID bounds a run's id, in bytes. It becomes part of paths; DataHub's are
// UUIDs of 36.
const MaxID = 128

// urnPrefix begins the urn of a run.
const urnPrefix = "urn:li:dataHubExecutionRequest:"

// ValidID tells whether id can name a run:
// ^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$. It has no separators and no dots, so it
// is safe as the name of a file.
func ValidID(id string) bool {
	if len(id) == 0 || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// URN is the urn of the run with an id.
func URN(id string) string { return urnPrefix + id }

// IDFromURN takes the id from a run's urn. It fails with ErrID.
func IDFromURN(urn string) (string, error) {
	id, ok := strings.CutPrefix(urn, urnPrefix)
	if !ok {
		return "", fmt.Errorf("%w: %.80q is no urn of an execution request", ErrID, urn)
	}
	if !ValidID(id) {
		return "", fmt.Errorf("%w: %.80q", ErrID, id)
	}
	return id, nil
}
