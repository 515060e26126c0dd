package registry

import (
	"cmp"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	// DefaultPatience is how long a push waits for a registry that is there and
	// cannot serve: restarts and failovers take that long.
	DefaultPatience = 3 * time.Minute
	// stallLimit is how long a request may move no byte in either direction. A
	// registry gets that long as well to think after the last byte of a blob.
	stallLimit = 25 * time.Second
	// attempts is how often a request is made where nothing was said.
	attempts = 3
)

// Options adjust a connection. The zero value is the default, without patience.
type Options struct {
	Transport http.RoundTripper // nil: go-containerregistry's default
	Attempts  int               // per request; 0: 3
	Patience  time.Duration     // of Link.Insist; 0 and less: none
	Stall     time.Duration     // without a byte in either direction; 0: 25 seconds
}

// Remote returns the options of one connection for go-containerregistry: the
// user's docker credentials, few attempts per request, and a transport that
// heeds Retry-After, ends requests that stall and mistrusts answers.
func Remote(o Options) []remote.Option {
	inner := o.Transport
	if inner == nil {
		inner = remote.DefaultTransport
	}
	transport := &gate{inner: witness{watch{inner: inner, limit: cmp.Or(o.Stall, stallLimit)}}}
	return []remote.Option{
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithUserAgent("lockforge"),
		remote.WithRetryBackoff(remote.Backoff{Duration: 500 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: cmp.Or(o.Attempts, attempts)}),
		remote.WithTransport(transport),
	}
}
