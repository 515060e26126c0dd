package kafka

import "time"

// Hurry shortens the wait for an unknown schema and the bound of a batch, both
// of which are too big for tests.
func (s *Source) Hurry(stale time.Duration, batch int) { s.stale, s.batch = stale, batch }
