package gms

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lockforge/lockforge/executor/gms/auth"
)

const (
	// DefaultTimeout bounds one attempt; upstream's value.
	DefaultTimeout = 30 * time.Second
	// DefaultRetries is how often a call is repeated; upstream's value.
	DefaultRetries = 4
	// defaultPause is the time before the first repetition; each further one
	// doubles it up to maxPause.
	defaultPause = time.Second
	maxPause     = 30 * time.Second
	// maxAnswer bounds an answer, in bytes: GMS has little to say to a write.
	maxAnswer = 1 << 20
	// maxRead bounds the answer to a read, in bytes: some results with reports
	// of 15 MB each, which is what upstream lets through.
	maxRead = 64 << 20
	// maxRoots bounds a file of certificates, in bytes.
	maxRoots = 4 << 20
	// idleConnections is how many connections wait for the next call: about
	// one per run at a time.
	idleConnections = 16
)

// Options configure a Client.
type Options struct {
	// URL is the base of all addresses, its path kept: "https://x/gms".
	URL  string
	Auth auth.Source // nil sends no credential
	// HTTP replaces the transport, Roots included; nil makes one.
	HTTP *http.Client
	// Roots are PEM files of authorities that are trusted besides the system's.
	Roots   []string
	Now     func() time.Time // nil is time.Now
	Timeout time.Duration    // of one attempt; 0 is DefaultTimeout
	Retries int              // 0 is DefaultRetries, less than 0 none
	Pause   time.Duration    // before the first repetition; 0 is one second
	// Agent is the User-Agent, "lockforge-executor" where "".
	Agent string
}

// Client talks to one GMS. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	auth    auth.Source
	http    *http.Client
	now     func() time.Time
	timeout time.Duration
	retries int
	pause   time.Duration
	agent   string
	jitter  func() float64 // from 0 to 1
	told    atomic.Pointer[told]
}

// New checks the options; it talks to nobody.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, auth: o.Auth, now: o.Now, timeout: o.Timeout, retries: o.Retries,
		pause: o.Pause, agent: o.Agent, jitter: rand.Float64,
	}
	if c.auth == nil {
		c.auth = auth.None()
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.retries == 0 {
		c.retries = DefaultRetries
	}
	if c.pause <= 0 {
		c.pause = defaultPause
	}
	if c.agent == "" {
		c.agent = "lockforge-executor"
	}
	client, err := newHTTP(o)
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = sameOrigin
	c.http = client
	return c, nil
}

// parseBase takes what an operator writes for the server.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		// The parser's error would show the text, which may hold a password.
		return nil, errors.New("the URL of GMS must look like https://host:port/path")
	case u.User != nil:
		return nil, errors.New("the URL of GMS has a user or password in it; set a token instead")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL of GMS has a query or a fragment; only scheme, host, port and path belong there")
	}
	return u, nil
}

// newHTTP returns a client of its own, which the caller may change.
func newHTTP(o Options) (*http.Client, error) {
	if o.HTTP != nil {
		client := *o.HTTP
		return &client, nil
	}
	pool, err := roots(o.Roots)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}, nil
}

// roots are the system's authorities and those of the files; nil is the system's.
func roots(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("reading certificates: %w", err)
		}
		if !info.Mode().IsRegular() || info.Size() > maxRoots {
			return nil, fmt.Errorf("reading certificates %s: not a regular file of at most %d bytes", file, maxRoots)
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading certificates %s: there is none in PEM form", file)
		}
	}
	return pool, nil
}
