package service

import (
	"io"

	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/mask"
)

// Mask returns what hides the secrets of a configuration in a text. Nothing of
// the executor's own quotes them; an error of a library may.
func Mask(c *config.Config) func(string) string {
	masker, err := mask.New(c.Hidden())
	if err != nil {
		return func(string) string { return "[withheld: " + err.Error() + "]\n" }
	}
	return masker.String
}

// masked is a log's output, which gets one record with each write.
type masked struct {
	next io.Writer
	mask func(string) string
}

func (m masked) Write(record []byte) (int, error) {
	if _, err := io.WriteString(m.next, m.mask(string(record))); err != nil {
		return 0, err
	}
	return len(record), nil
}
