package index

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/lockforge/lockforge/builder/fault"
)

// Options tunes a Client. The zero value is right for everything but tests.
type Options struct {
	// CacheDir keeps project pages for a few minutes, so that a lock after a
	// lock asks no page twice. Without it pages are kept in memory only, for
	// the life of the Client.
	CacheDir string
	// Retries is how many further attempts a request gets; 0 means 4, negative none.
	Retries int
	// Timeout is how long a server may say nothing; 0 means 60 seconds.
	Timeout time.Duration
	// Backoff is the first pause between attempts, doubled each time; 0 means 500 ms.
	Backoff time.Duration
}

func (o Options) withDefaults() Options {
	if o.Retries == 0 {
		o.Retries = 4
	}
	if o.Retries < 0 {
		o.Retries = 0
	}
	if o.Timeout == 0 {
		o.Timeout = 60 * time.Second
	}
	if o.Backoff == 0 {
		o.Backoff = 500 * time.Millisecond
	}
	return o
}

// Client talks to the indexes of a Set, and to whatever hosts their pages link
// to. It is safe for concurrent use.
type Client struct {
	set  *Set
	opts Options
	http *http.Transport

	swept sync.Once // the folder of pages

	mu    sync.Mutex
	pages map[string]*page   // by page URL
	down  map[string]*outage // by origin
}

// NewClient makes a client for a set of indexes.
func NewClient(set *Set, o Options) *Client {
	o = o.withDefaults()
	return &Client{
		set:   set,
		opts:  o,
		http:  newTransport(set, o.Timeout),
		pages: map[string]*page{},
		down:  map[string]*outage{},
	}
}

// Close releases idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func newTransport(set *Set, timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 proxyFrom(set.env),
		DialContext:           (&net.Dialer{Timeout: min(timeout, 15*time.Second), KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: set.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   min(timeout, 15*time.Second),
		ResponseHeaderTimeout: timeout,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: timeout, PingTimeout: timeout},
		MaxIdleConnsPerHost:   16, // the number of parallel downloads, with room
		IdleConnTimeout:       90 * time.Second,
	}
}

// proxyFrom follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in both cases of
// letters; loopback addresses are never proxied.
func proxyFrom(env Env) func(*http.Request) (*url.URL, error) {
	first := func(names ...string) string {
		for _, name := range names {
			if v := env.get(name); v != "" {
				return v
			}
		}
		return ""
	}
	config := httpproxy.Config{
		HTTPProxy:  first("HTTP_PROXY", "http_proxy"),
		HTTPSProxy: first("HTTPS_PROXY", "https_proxy"),
		NoProxy:    first("NO_PROXY", "no_proxy"),
	}
	choose := config.ProxyFunc()
	return func(req *http.Request) (*url.URL, error) { return choose(req.URL) }
}

// rootsFrom is the system's certificate authorities and those of
// SSL_CERT_FILE; nil where the variable is not set, which crypto/tls takes for
// the system's.
func rootsFrom(env Env) (*x509.CertPool, error) {
	file := env.get("SSL_CERT_FILE")
	if file == "" {
		return nil, nil
	}
	pem, err := env.read(file)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading certificates of SSL_CERT_FILE")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Usage, "reading certificates of SSL_CERT_FILE %s: no certificate in PEM form", file)
	}
	return roots, nil
}
