package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
)

// mirror serves what the configured index and OS mirrors have, from other
// addresses, with other pages and another Last-Modified.
type mirror struct {
	root string // its own address
	dir  string // of the files it has passed on
	set  *index.Set
	py   *index.Client
	os   debian.Mirrors

	mu    sync.Mutex
	files map[string]string // where a file is, by path here
}

// copied is when the mirror says that all of its files were made.
var copied = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

func (m *matrix) fromMirror(ctx context.Context, s site) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	server, err := newMirror("http://"+listener.Addr().String(), s.path("mirror"), m.reference.path("m.yaml"))
	if err != nil {
		return "", err
	}
	defer server.py.Close()
	go func() { _ = http.Serve(listener, server) }()
	text := manifestText + fmt.Sprintf("indexes: {default: {url: %s/simple}}\nbase: {debian: {mirrors: [%s/debian], securityMirrors: [%s/security]}}\n",
		server.root, server.root, server.root)
	if err := s.relocked(ctx, m, text); err != nil {
		return "", err
	}
	return s.build(ctx)
}

// newMirror serves what a manifest is locked from.
func newMirror(root, dir, asks string) (*mirror, error) {
	asked, err := manifest.Load(manifest.Disk{}, asks)
	if err != nil {
		return nil, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	env := index.Env{Getenv: os.Getenv, Home: home, ReadFile: os.ReadFile, UV: cmp.Or(os.Getenv("LOCKFORGE_UV"), "uv")}
	set, err := index.Discover(asked, env)
	if err != nil {
		return nil, err
	}
	found, err := debian.FindMirrors(asked.Base.Debian, os.DirFS("/"))
	if err != nil {
		return nil, err
	}
	return &mirror{root: root, dir: dir, set: set, py: index.NewClient(set, index.Options{}), os: found, files: map[string]string{}},
		os.MkdirAll(dir, 0o755)
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "simple":
		m.page(w, r, strings.Trim(rest, "/"))
	case "files":
		m.mu.Lock()
		from := m.files[strings.TrimSuffix(rest, ".metadata")]
		m.mu.Unlock()
		if from != "" && strings.HasSuffix(rest, ".metadata") {
			from += ".metadata"
		}
		m.file(w, r, from)
	case "debian":
		m.file(w, r, m.os.Main[0].String()+"/"+rest)
	case "security":
		m.file(w, r, m.os.Security[0].String()+"/"+rest)
	default:
		http.NotFound(w, r)
	}
}

// page writes the page of a project anew, by PEP 691.
func (m *mirror) page(w http.ResponseWriter, r *http.Request, project string) {
	files, err := m.py.Files(r.Context(), project)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	list := []map[string]any{}
	m.mu.Lock()
	for _, f := range files {
		at := path.Join(f.SHA256, f.Name)
		m.files[at] = f.URL
		entry := map[string]any{
			"filename": f.Name, "url": m.root + "/files/" + at, "hashes": map[string]string{"sha256": f.SHA256},
			"core-metadata": f.CoreMetadata,
		}
		if f.RequiresPython != "" {
			entry["requires-python"] = f.RequiresPython
		}
		if f.Size >= 0 {
			entry["size"] = f.Size
		}
		if f.Yanked {
			entry["yanked"] = cmp.Or(f.YankedReason, "yes")
		}
		if !f.Uploaded.IsZero() {
			entry["upload-time"] = f.Uploaded.Format(time.RFC3339Nano)
		}
		list = append(list, entry)
	}
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	w.Header().Set("Last-Modified", copied.Format(http.TimeFormat))
	_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": project, "files": list})
}

// file passes a file on, whole or in parts.
func (m *mirror) file(w http.ResponseWriter, r *http.Request, from string) {
	if from == "" {
		http.NotFound(w, r)
		return
	}
	kept, err := m.keep(r.Context(), from)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	f, err := os.Open(kept)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", copied, f)
}

// keep returns a local copy of a file.
func (m *mirror) keep(ctx context.Context, from string) (string, error) {
	kept := filepath.Join(m.dir, strings.NewReplacer("/", "_", ":", "_").Replace(from))
	if len(filepath.Base(kept)) > 255 {
		return "", errors.New("its address is too long")
	}
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	body, _, err := m.py.Get(ctx, from, 0)
	if err != nil {
		return "", err
	}
	defer body.Close()
	f, err := os.CreateTemp(m.dir, "part-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, body)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return kept, os.Rename(f.Name(), kept)
}
