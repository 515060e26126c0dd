// Package pypi chooses the wheels of a plan's venvs and fills the Python part
// of a lock. It is the one resolver that runs uv.
//
// uv runs with an empty environment and sees one index only: a router on the
// loopback interface that lives in this process. The router decides, for each
// project name, which index it belongs to (exclusively), drops yanked and too
// young files, offers of each version the one wheel that fits the target best,
// and serves local wheels and wheels built from sdists. So uv sees no host, no
// credential and no file that may not be locked, and a result names one file.
//
// Nothing is decided from uv's messages: its exit code and its requirements
// output are all that is read. Conflicts are explained by resolving subsets of
// the plugins (file conflict.go).
package pypi
