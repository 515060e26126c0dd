package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// matrix is one run over variations. The first image that is built is the
// reference for all others.
type matrix struct {
	program, source, work string
	out                   io.Writer

	reference site          // where the reference was built
	digest    string        // of the reference
	took      time.Duration // the build from fetched files, on this machine
}

// notRun says why this machine cannot try a variation.
type notRun struct{ reason string }

func (n notRun) Error() string { return n.reason }

// variation is one way to build. try returns where the image is; the layout
// there is "image".
type variation struct {
	name, what string
	try        func(m *matrix, ctx context.Context, s site) (digest string, err error)
}

// run builds the reference and all that is selected.
func (m *matrix) run(ctx context.Context, selected []variation) error {
	start := time.Now()
	if err := m.makeReference(ctx); err != nil {
		return err
	}
	var same, failed, left int
	for _, v := range selected {
		begun := time.Now()
		s, err := m.site(v.name)
		if err != nil {
			return err
		}
		digest, err := v.try(m, ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = m.compare(ctx, s, digest)
		}
		var reason notRun
		result := "same"
		switch {
		case errors.As(err, &reason):
			left++
			result = "not run: " + reason.reason
		case err != nil:
			failed++
			result = "DIFFERENT OR FAILED: " + err.Error()
		default:
			same++
		}
		fmt.Fprintf(m.out, "%-22s %4.0f s  %s\n", v.name, time.Since(begun).Seconds(), result)
		if err == nil || errors.As(err, &reason) {
			// What failed is kept to be looked at.
			if err := os.RemoveAll(s.dir); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(m.out, "%d of %d variations gave %s, %d did not, %d not run; %.0f s\n",
		same, len(selected), m.digest, failed, left, time.Since(start).Seconds())
	if failed > 0 {
		return fmt.Errorf("%d of %d variations did not come to the same image; see %s", failed, len(selected), m.work)
	}
	if left > 0 && os.Getenv("REQUIRE_ALL") == "1" {
		return fmt.Errorf("%d of %d variations were not run, and REQUIRE_ALL=1 wants all", left, len(selected))
	}
	return nil
}

// makeReference locks, fetches and builds from an empty cache.
func (m *matrix) makeReference(ctx context.Context) error {
	s, err := m.site("reference")
	if err != nil {
		return err
	}
	m.reference = s
	if err := os.WriteFile(s.path("m.yaml"), []byte(manifestText), 0o644); err != nil {
		return err
	}
	if _, err := s.lockforge(ctx, "lock", "m.yaml"); err != nil {
		return err
	}
	if _, err := s.lockforge(ctx, "fetch", "m.yaml"); err != nil {
		return err
	}
	start := time.Now()
	m.digest, err = s.build(ctx)
	m.took = time.Since(start)
	if err == nil {
		fmt.Fprintf(m.out, "%-22s %4.0f s  %s\n", "reference", m.took.Seconds(), m.digest)
	}
	return err
}

// compare holds an image against the reference, and says what differs first.
func (m *matrix) compare(ctx context.Context, s site, digest string) error {
	if digest == m.digest {
		return nil
	}
	report := s.path("differences.json")
	out, err := m.reference.lockforge(ctx, "diff", "oci:"+m.reference.path("image"), "oci:"+s.path("image"), "--format", "json")
	if err != nil {
		return fmt.Errorf("%s, want %s; comparing them: %w", digest, m.digest, err)
	}
	if err := os.WriteFile(report, out, 0o644); err != nil {
		return err
	}
	first, err := firstDifference(out)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s, want %s\n  first difference: %s\n  all of them: %s", digest, m.digest, first, report)
}

// difference is as much of a line of `lockforge diff` as is shown.
type difference struct {
	Op, What, Layer, Name, Field, From, To string
}

// firstDifference picks the line that says most: that of a file, else that of
// a document, else what there is.
func firstDifference(report []byte) (string, error) {
	var all []difference
	if err := json.Unmarshal(report, &all); err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.New("two digests, and no difference between the images")
	}
	first := all[0]
	for _, what := range []string{"entry", "config"} {
		for _, d := range all {
			if d.What == what {
				return d.String(), nil
			}
		}
	}
	return first.String(), nil
}

func (d difference) String() string {
	where := d.What
	if d.Layer != "" {
		where = "layer " + d.Layer
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s: %s %s %s %s -> %s", where, d.Op, d.Name, d.Field, d.From, d.To)), " ")
}

func (m *matrix) site(name string) (site, error) {
	dir := filepath.Join(m.work, strings.ReplaceAll(name, " ", "-"))
	s := site{dir: dir, cache: filepath.Join(dir, "cache"), program: m.program}
	return s, os.MkdirAll(s.cache, 0o755)
}
