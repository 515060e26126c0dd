package testenv

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// Proxy stands in front of a server at "host:port" and returns its own address.
// spoil gets what passes requests on, and returns what answers them; addresses
// that the server makes of the Host header are the proxy's.
func Proxy(t testing.TB, server string, spoil func(next http.Handler) http.Handler) string {
	t.Helper()
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: server})
			r.Out.Host = r.In.Host
		},
		ErrorLog: log.New(io.Discard, "", 0), // broken connections are what it is for
	}
	proxy := httptest.NewUnstartedServer(spoil(pass))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	proxy.Start()
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	return strings.TrimPrefix(proxy.URL, "http://")
}
