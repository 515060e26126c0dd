package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

var variations = []variation{
	{"cold", "an empty cache: files come from the index and the mirrors", (*matrix).nothing},
	{"fetched", "the files are there, and no trace of a build", (*matrix).plain},
	{"again", "where the image was just built", (*matrix).again},
	{"forgotten", "a warm engine, but no record of the image", (*matrix).forgotten},
	{"after-another", "in a cache where another image was built before", (*matrix).afterAnother},
	{"mirror", "locked and fetched from other servers, which date their files otherwise", (*matrix).fromMirror},
	{"reversed", "a manifest with everything in another order whose order says nothing", (*matrix).reversed},
	{"later", "clock 400 days ahead, and in the middle of the build a year behind", (*matrix).jumping},
	{"earlier", "clock a year behind", (*matrix).earlier},
	{"time-zone", "another time zone and language", with(site{env: []string{"TZ=Asia/Kathmandu", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8"}})},
	{"umask", "umask 077, from an empty cache", (*matrix).umask},
	{"one-core", "on one core", (*matrix).oneCore},
	{"two-cores", "on two cores", (*matrix).twoCores},
	{"hash-seed", "another seed of Python's hashes, locked anew", (*matrix).hashSeed},
	{"engine-killed", "the engine is killed half-way, and the build run again", (*matrix).engineKilled},
	{"program-killed", "so is the program", (*matrix).programKilled},
	{"remote", "a BuildKit elsewhere, over a unix socket", (*matrix).remote},
	{"remote-gzip", "a BuildKit elsewhere, over TCP, which has the layers in another compression", (*matrix).remoteGzip},
	{"rebuilt", "a lockforge built in another directory", (*matrix).rebuilt},
	{"other-host", "another host name, user directory and path of the cache", (*matrix).otherHost},
}

func (m *matrix) nothing(ctx context.Context, s site) (string, error) {
	if err := s.locked(m); err != nil {
		return "", err
	}
	return s.build(ctx)
}

func (m *matrix) plain(ctx context.Context, s site) (string, error) {
	if err := s.fetched(m); err != nil {
		return "", err
	}
	return s.build(ctx)
}

// with is a build from fetched files in another environment.
func with(change site) func(*matrix, context.Context, site) (string, error) {
	return func(m *matrix, ctx context.Context, s site) (string, error) {
		s.env, s.prefix = change.env, change.prefix
		return m.plain(ctx, s)
	}
}

func (m *matrix) again(ctx context.Context, s site) (string, error) {
	if err := s.locked(m); err != nil {
		return "", err
	}
	s.cache = m.reference.cache
	return s.build(ctx)
}

func (m *matrix) forgotten(ctx context.Context, s site) (string, error) {
	if err := os.RemoveAll(filepath.Join(m.reference.cache, "images")); err != nil {
		return "", err
	}
	return m.again(ctx, s)
}

func (m *matrix) afterAnother(ctx context.Context, s site) (string, error) {
	if err := s.fetched(m); err != nil {
		return "", err
	}
	other, err := m.site("after-another/before")
	if err != nil {
		return "", err
	}
	other.cache = s.cache
	text := strings.Replace(manifestText, "plugins: [mysql, file, demo-data]\ngroups: {common: [file, demo-data]}", "plugins: [file, csv-enricher]", 1)
	if err := os.WriteFile(other.path("m.yaml"), []byte(text), 0o644); err != nil {
		return "", err
	}
	if _, err := other.lockforge(ctx, "lock", "m.yaml"); err != nil {
		return "", err
	}
	digest, err := other.build(ctx)
	if err != nil {
		return "", err
	}
	if digest == m.digest {
		return "", errors.New("the other image is the same one")
	}
	return s.build(ctx)
}

// reversedText says what manifestText does. The order of its plugin list is
// that of the venvs and stays; that of keys and of a group's members is nobody's.
const reversedText = `# The same, the other way round.
groups: {common: [demo-data, file]}
plugins:
  - mysql
  - file
  - demo-data
cli:
  version: "1.7.0.17"
name: repro
version: 1
`

func (m *matrix) reversed(ctx context.Context, s site) (string, error) {
	if err := s.fetched(m); err != nil {
		return "", err
	}
	if err := s.relocked(ctx, m, reversedText); err != nil {
		return "", err
	}
	return s.build(ctx)
}

func (m *matrix) umask(ctx context.Context, s site) (string, error) {
	s.prefix = []string{"sh", "-c", `umask 077; exec "$@"`, "sh"}
	return m.nothing(ctx, s)
}

func (m *matrix) oneCore(ctx context.Context, s site) (string, error) { return m.onCores(ctx, s, "0") }

func (m *matrix) twoCores(ctx context.Context, s site) (string, error) {
	if runtime.NumCPU() < 2 {
		return "", notRun{"this machine has one core"}
	}
	return m.onCores(ctx, s, "0,1")
}

func (m *matrix) onCores(ctx context.Context, s site, cores string) (string, error) {
	if _, err := exec.LookPath("taskset"); err != nil {
		return "", notRun{"taskset is not installed"}
	}
	s.prefix = []string{"taskset", "-c", cores}
	return m.plain(ctx, s)
}

// hashSeed changes the seed of whatever Python runs. Of the build's steps none
// sees it: their environment is the lock's, so each run of the matrix has as
// many seeds of theirs as cold builds.
func (m *matrix) hashSeed(ctx context.Context, s site) (string, error) {
	s.env = []string{"PYTHONHASHSEED=4294967295"}
	if err := s.fetched(m); err != nil {
		return "", err
	}
	if err := s.relocked(ctx, m, manifestText); err != nil {
		return "", err
	}
	return s.build(ctx)
}

func (m *matrix) otherHost(ctx context.Context, s site) (string, error) {
	if _, err := exec.LookPath("unshare"); err != nil {
		return "", notRun{"unshare is not installed"}
	}
	s.prefix = []string{"unshare", "--uts", "sh", "-c", `echo elsewhere.mirror.example >/proc/sys/kernel/hostname; exec "$@"`, "sh"}
	s.env = []string{"HOME=" + s.path("home"), "USER=somebody", "LOGNAME=somebody", "TMPDIR=" + s.path("temporary")}
	s.cache = filepath.Join(s.cache, strings.Repeat("d/", 40)+"cache")
	for _, dir := range []string{s.path("home"), s.path("temporary"), s.cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	return m.plain(ctx, s)
}
