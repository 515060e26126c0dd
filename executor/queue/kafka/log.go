package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// repeatEvery is the pause between two log entries of the client library with
// the same message: it repeats itself on every attempt to reconnect.
const repeatEvery = 30 * time.Second

// clientLog passes on the warnings and errors of the client library. It logs
// no credentials.
type clientLog struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	last map[string]time.Time
}

// Level implements kgo.Logger.
func (*clientLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log implements kgo.Logger.
func (c *clientLog) Log(level kgo.LogLevel, message string, pairs ...any) {
	if c.repeated(message) {
		return
	}
	to := slog.LevelWarn
	if level == kgo.LogLevelError {
		to = slog.LevelError
	}
	c.log.Log(context.Background(), to, "kafka: "+message, pairs...)
}

// repeated tells whether a message came lately. The library has a fixed set of
// them.
func (c *clientLog) repeated(message string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if at, ok := c.last[message]; ok && now.Sub(at) < repeatEvery {
		return true
	}
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	c.last[message] = now
	return false
}
