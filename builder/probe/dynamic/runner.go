package dynamic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
)

// attack is one dynamic probe: which payload runs, and in which profile.
type attack struct {
	probe.Probe
	profile  container.Profile
	module   string
	function string
	limits   bool // it tries the profile's bounds, which take control groups
}

// attackTime bounds one attack; it ends itself before.
const attackTime = 75 * time.Second

// Runner is the probe.Runner of this package.
type Runner struct {
	attacks []attack
	host    Host
}

var _ probe.Runner = Runner{}

// New returns the Runner of all dynamic probes on this machine, where
// containers take root and runc; see container.Missing.
func New() Runner { return On(local{}) }

// On returns the Runner of all dynamic probes on another host.
func On(h Host) Runner { return Runner{attacks(), h} }

// Probes returns the probes that Run answers.
func (r Runner) Probes() []probe.Probe {
	var all []probe.Probe
	for _, a := range r.attacks {
		all = append(all, a.Probe)
	}
	return all
}

// Run tries everything on the image, as many probes at once as there are
// processors. What the host cannot do is "not run" with the reason.
func (r Runner) Run(ctx context.Context, p *image.Platform) ([]probe.Result, error) {
	var results []probe.Result
	reason, err := r.host.Enter(ctx, p, func(ctx context.Context, i *container.Image, room Room) (err error) {
		results, err = r.try(ctx, i, room)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case reason != "":
		return r.skip(reason), nil
	}
	return results, nil
}

func (r Runner) skip(reason string) []probe.Result {
	var all []probe.Result
	for _, a := range r.attacks {
		all = append(all, probe.Skipped(a.Probe, cmp.Or(r.host.Refuses(a.Tier), reason)))
	}
	return all
}

// try tries everything on an unpacked image.
func (r Runner) try(ctx context.Context, i *container.Image, room Room) ([]probe.Result, error) {
	python, reason := findInterpreter(ctx, i, room)
	if python == nil {
		return r.skip(reason), ctx.Err()
	}
	dir, err := os.MkdirTemp("", "lockforge-payload-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := writePayload(dir, i, python); err != nil {
		return nil, err
	}
	wheel, err := makeWheel()
	if err != nil {
		return nil, err
	}
	t := &trial{room: room, python: python.path, payload: dir, wheel: wheel}
	if r.host.Refuses(probe.Runtime) == "" {
		t.unlimited = t.lacksLimits(ctx)
	}
	results := make([]probe.Result, len(r.attacks))
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for n, a := range r.attacks {
		if reason := r.host.Refuses(a.Tier); reason != "" {
			results[n] = probe.Skipped(a.Probe, reason)
			continue
		}
		wait.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			results[n] = t.run(ctx, a)
		})
	}
	wait.Wait()
	return results, ctx.Err()
}

// trial is what all attacks on one image share.
type trial struct {
	room      Room
	python    string // path in the image
	payload   string // directory of this machine
	wheel     []byte
	unlimited string // why the reference profile has no bounds, "" where it has
}

func (t *trial) spec(profile container.Profile, args ...string) container.Spec {
	return container.Spec{
		Profile: profile, Args: append([]string{t.python, "-I", "-B", here + "/run.py"}, args...),
		Mounts: map[string]string{here: t.payload}, Unlimited: t.unlimited != "",
		Listen: indexAddress, Serve: serve(network(t.wheel)), Timeout: attackTime,
	}
}

// lacksLimits says why this machine cannot bound containers, "" where it can.
func (t *trial) lacksLimits(ctx context.Context) string {
	s := t.spec(container.Reference)
	s.Args = []string{t.python, "-I", "-B", "-c", "pass"}
	_, err := t.room.Run(ctx, s)
	if err == nil {
		return ""
	}
	s.Unlimited = true
	if _, other := t.room.Run(ctx, s); other != nil {
		return "" // it is not the bounds: each probe of the profile says so
	}
	return err.Error()
}

func (t *trial) run(ctx context.Context, a attack) probe.Result {
	if a.limits && a.profile == container.Reference && t.unlimited != "" {
		return probe.Skipped(a.Probe, t.unlimited)
	}
	o, err := t.room.Run(ctx, t.spec(a.profile, a.module, a.function))
	if err != nil {
		return probe.Skipped(a.Probe, err.Error())
	}
	return judge(a.Probe, o)
}

// line is what an attack says.
type line struct {
	Open *string `json:"open"` // what should not have been possible
	Path string  `json:"path"`
	Skip string  `json:"skip"` // why it was not tried
	Done int     `json:"done"` // how many things were tried
}

// judge turns an attack's words into a result.
func judge(p probe.Probe, o container.Outcome) probe.Result {
	var evidence []probe.Evidence
	done, skip := 0, ""
	for text := range strings.Lines(o.Stdout) {
		var said struct {
			Line *line `json:"lockforge"`
		}
		if json.Unmarshal([]byte(text), &said) != nil || said.Line == nil {
			continue
		}
		if said.Line.Open != nil {
			evidence = append(evidence, probe.Evidence{Path: said.Line.Path, Text: *said.Line.Open})
		}
		done += said.Line.Done
		if said.Line.Skip != "" {
			skip = said.Line.Skip
		}
	}
	switch {
	case len(evidence) > 0:
		return probe.Answer(p, evidence)
	case skip != "":
		return probe.Skipped(p, skip)
	case o.TimedOut:
		return probe.Skipped(p, fmt.Sprintf("it did not end within %s", attackTime))
	case done == 0 || o.Code != 0:
		return probe.Skipped(p, fmt.Sprintf("it broke off with code %d: %s", o.Code, tail(o.Stderr)))
	}
	return probe.Passed(p)
}
