package ingestion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lockforge/lockforge/executor/mask"
)

const (
	// RenewEvery is how long a new token takes, at most, to get from the
	// executor's credentials to its runs.
	RenewEvery = time.Second
	// firstTokenWait bounds the wait for a run's first token: the claim of the
	// run had one a moment ago, so that the next is not far.
	firstTokenWait = 5 * time.Second
	// maskedTokens is how many of a run's tokens stay masked: the current one
	// and some that have ended.
	maskedTokens = 4
)

// token is a run's copy of the executor's own token, for a CLI that reads it
// again for each request. The executor alone writes it, and nothing that could
// get it another token goes to the run.
type token struct {
	path   string
	header func(ctx context.Context) (string, error)

	current string
	number  int   // of current, from 0 on
	trouble error // the first that a renewal met
}

// get asks for the token, and says whether it is another one.
func (t *token) get(ctx context.Context) (changed bool, err error) {
	header, err := t.header(ctx)
	if err != nil {
		return false, err
	}
	value, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || value == "" {
		return false, errors.New("the executor's credential is no bearer token")
	}
	if value == t.current {
		return false, nil
	}
	if t.current != "" {
		t.number++
	}
	t.current = value
	return true, nil
}

// first asks for the token until there is one: a file may be written anew just
// now, and a provider be restarted.
func (t *token) first(ctx context.Context) error {
	for end := time.Now().Add(firstTokenWait); ; {
		_, err := t.get(ctx)
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(firstTokenWait / 20):
		}
	}
}

// secrets are what has to be masked.
func (t *token) secrets() map[string]string {
	if t == nil {
		return nil
	}
	return map[string]string{fmt.Sprintf("%s_%d", tokenName, t.number%maskedTokens): t.current}
}

// open makes the file, in a directory of its own.
func (t *token) open() error {
	err := private(filepath.Dir(t.path))
	if err == nil {
		err = t.write()
	}
	if err != nil {
		return &Error{Kind: Local, Err: fmt.Errorf("writing the run's token: %w", err)}
	}
	return nil
}

// write puts the token into its file, of which the run sees the old or the new
// one and nothing in between.
func (t *token) write() error {
	dir := filepath.Dir(t.path)
	next := dir + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(t.current)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, t.path)
}

// keep keeps the file up to date until stop is called. A new token is masked
// before the run can see it.
func (t *token) keep(ctx context.Context, m *mask.Masker) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(RenewEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := t.renew(ctx, m); err != nil && t.trouble == nil && ctx.Err() == nil {
				t.trouble = err
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

func (t *token) renew(ctx context.Context, m *mask.Masker) error {
	last, number := t.current, t.number
	changed, err := t.get(ctx)
	if err != nil || !changed {
		return err
	}
	if err = m.Learn(t.secrets()); err == nil {
		err = t.write()
	}
	if err != nil {
		t.current, t.number = last, number // to be tried again
	}
	return err
}
