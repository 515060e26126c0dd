package solve

import (
	"context"
	"strings"

	"github.com/moby/buildkit/client"
	// The transports of BuildKit's own clients.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"

	"github.com/lockforge/lockforge/builder/fault"
)

// Target is a BuildKit to connect to.
type Target struct {
	// Address is "unix://PATH", "tcp://HOST:PORT", "docker-container://NAME",
	// "podman-container://NAME", "kube-pod://NAME?..." or "ssh://HOST".
	Address string
	// TLS files for tcp: the authority that signed the server's certificate,
	// the client's certificate and key, and the server's name if it differs
	// from the address.
	CA, Cert, Key, ServerName string
	// LocalContent is where an engine on this machine keeps the blobs it
	// makes ("" for any other): they are copied from there.
	LocalContent string
}

// Client is a connection to a BuildKit that answered.
type Client struct {
	bk    *client.Client
	local string
	addr  string
}

var schemes = []string{"unix", "tcp", "docker-container", "podman-container", "kube-pod", "ssh"}

// Dial connects and asks for an answer. An address of an unknown kind is
// fault.Usage, a BuildKit that does not answer fault.EngineDown.
func Dial(ctx context.Context, t Target) (*Client, error) {
	scheme, _, ok := strings.Cut(t.Address, "://")
	if !ok || !known(scheme) {
		return nil, fault.New(fault.Usage, "connecting to BuildKit at %q: not an address", t.Address).
			Hint("use one of %s", strings.Join(schemes, "://..., ")+"://...")
	}
	var opts []client.ClientOpt
	if t.Cert != "" || t.Key != "" {
		opts = append(opts, client.WithCredentials(t.Cert, t.Key))
	}
	if t.CA != "" {
		opts = append(opts, client.WithServerConfig(t.ServerName, t.CA))
	}
	bk, err := client.New(ctx, t.Address, opts...)
	if err != nil {
		return nil, unreachable(err, t.Address)
	}
	if _, err := bk.Info(ctx); err != nil {
		_ = bk.Close()
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Cancelled, context.Cause(ctx), "connecting to BuildKit at %s", t.Address)
		}
		return nil, unreachable(err, t.Address)
	}
	return &Client{bk: bk, local: t.LocalContent, addr: t.Address}, nil
}

func known(scheme string) bool {
	for _, s := range schemes {
		if s == scheme {
			return true
		}
	}
	return false
}

func unreachable(err error, address string) error {
	return fault.Wrap(fault.EngineDown, err, "connecting to BuildKit at %s", address).
		Hint("check that BuildKit runs there and that the address and certificates are right, or leave out --buildkit-addr")
}

// Close ends the connection.
func (c *Client) Close() error { return c.bk.Close() }
