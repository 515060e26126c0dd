package observe

import "context"

// CheckAll evaluates every monitor once.
func (s *Service) CheckAll(ctx context.Context) {
	for _, e := range s.entries {
		s.check(ctx, e.m)
	}
}
