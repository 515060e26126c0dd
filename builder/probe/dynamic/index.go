package dynamic

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"time"
)

// indexAddress is where attacks find a package index, inside of the
// container's own network.
const (
	indexAddress = "127.0.0.1:8976"
	indexPort    = 8976
	indexURL     = "http://" + indexAddress + "/simple/"
)

// project is what the index has: a wheel with one empty module, in the form of
// PEP 427.
const (
	project   = "lockforge-escape"
	module    = "lockforge_escape"
	wheelFile = module + "-1.0-py3-none-any.whl"
)

func makeWheel() ([]byte, error) {
	info := module + "-1.0.dist-info/"
	files := []struct{ name, content string }{
		{module + "/__init__.py", "escaped = True\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + project + "\nVersion: 1.0\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: lockforge\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	record := ""
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.content))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.content))
		if err := add(z, f.name, f.content); err != nil {
			return nil, err
		}
	}
	if err := add(z, info+"RECORD", record+info+"RECORD,,\n"); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func add(z *zip.Writer, name, content string) error {
	w, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(content))
	return err
}

// network is what attacks find in the container's network: the index, and the
// stand-in for DataHub's server.
func network(wheel []byte) http.Handler {
	mux := http.NewServeMux()
	index(mux, wheel)
	newServer().register(mux)
	return mux
}

// index serves the wheel as PEP 503 says.
func index(mux *http.ServeMux, wheel []byte) {
	sum := sha256.Sum256(wheel)
	mux.HandleFunc("GET /simple/"+project+"/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!DOCTYPE html><html><body><a href=\"/files/%s#sha256=%s\">%s</a></body></html>\n", wheelFile, hex.EncodeToString(sum[:]), wheelFile)
	})
	mux.HandleFunc("GET /files/"+wheelFile, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write(wheel)
	})
}

// serve answers until the listener is closed.
func serve(h http.Handler) func(net.Listener) {
	return func(l net.Listener) {
		s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		_ = s.Serve(l) // it ends with the listener
	}
}
