// Package doctor finds out what on this machine would keep lockforge from
// working, and says how to mend it.
package doctor

import (
	"context"
	"io/fs"
	"sync"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
)

// Status is the outcome of a check.
type Status string

const (
	OK   Status = "ok"
	Warn Status = "warn" // works, not as well as it could
	Fail Status = "fail" // some command cannot work
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Found  string `json:"found"`         // what it is like, in one line
	Fix    string `json:"fix,omitempty"` // what to do, where it is not OK
}

// Report is every check, always in the same order.
type Report struct {
	Healthy bool    `json:"healthy"` // no check failed
	Checks  []Check `json:"checks"`
}

// Host is the machine under examination.
type Host struct {
	Manifest *manifest.Manifest // whose index and mirrors to ask; nil for the configured ones
	Index    index.Env
	Files    fs.FS // the root file system
	CacheDir string
	UID      int
	// Engine is the address of the BuildKit to use; "" is the embedded one,
	// with the OCI runtime Runc ("" looks for runc on PATH).
	Engine, Runc string
	Now          func() time.Time

	// Dial asks the BuildKit at Engine for an answer.
	Dial func(ctx context.Context) error
	// Overlay says why overlay mounts do not work below a folder.
	Overlay func(dir string) error
	// FreeBytes is the space left to this user below a folder. See Free.
	FreeBytes func(dir string) (uint64, error)
	// Probe asks OS mirrors. See debian.Probe.
	Probe func(ctx context.Context, r debian.Request) []debian.Answer
}

// patience bounds the time of all checks together.
const patience = time.Minute

// Examine runs every check. It changes nothing on the machine.
func Examine(ctx context.Context, h Host) *Report {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	checks := []func(context.Context) []Check{h.engine, h.disk, h.uv, h.index, h.mirrors, h.docker}
	results := make([][]Check, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() { results[i] = check(ctx) })
	}
	group.Wait()
	report := &Report{Healthy: true}
	for _, result := range results {
		for _, c := range result {
			report.Healthy = report.Healthy && c.Status != Fail
			report.Checks = append(report.Checks, c)
		}
	}
	return report
}
