package ingestion

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/executor/recipe"
)

// GMS is the server that a recipe without a sink writes to.
type GMS struct {
	// URL is the server's base address, its path included.
	URL string
	// Authorization returns the value of the header, "Bearer ..." or "Basic
	// ...", that is good now. nil is none.
	Authorization func(ctx context.Context) (string, error)
	// Fresh, where it is not nil, says that tokens live shorter than runs may.
	// From DataHub CLI 1.7.0.14 on, a run then has a file in which what
	// Authorization returns is kept; with an older one it has what Fresh
	// returns at its start, which should have its whole life before it.
	Fresh func(ctx context.Context) (string, error)
	// Roots is a file of certificates that the server's has to come from; ""
	// is the system's.
	Roots string
}

// tokenName is the name of the token in the recipe and beside it. Recipes
// cannot refer to names that begin like it.
const (
	reservedPrefix = "EXECUTOR_OWN_"
	tokenName      = reservedPrefix + "GMS_TOKEN"
)

func reserved(name string) bool { return strings.HasPrefix(name, reservedPrefix) }

func (g *GMS) check() error {
	if g == nil {
		return nil
	}
	u, err := url.Parse(g.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("server of recipes without a sink: its URL is not http://... or https://...")
	case u.User != nil || strings.ContainsAny(g.URL, "${}"):
		return errors.New("server of recipes without a sink: its URL has a password, a $ or braces in it")
	case g.Fresh != nil && g.Authorization == nil:
		return errors.New("server of recipes without a sink: a fresh token is given, and no token to renew it with")
	case g.Roots != "" && !filepath.IsAbs(g.Roots):
		return errors.New("server of recipes without a sink: a file is not named by an absolute path")
	}
	return nil
}

// RenewsTokens says whether a release of the CLI can be given new tokens while
// it runs.
func RenewsTokens(release string) bool { return !Venv{Release: release}.before(releaseTokenFile) }

// renewed says whether tokens of a recipe's run live shorter than it may.
func (g *GMS) renewed(r *recipe.Recipe) bool { return g != nil && g.Fresh != nil && !r.Has("sink") }

// AddSink gives a recipe without a sink the executor's own, and returns the
// secrets that belong to it; nil leaves the recipe alone. The CLI would take
// address and token from its environment, where every process of the run could
// read them. tokenFile is where the CLI is to read its token, again and again;
// "" gives it the one of now.
func (g *GMS) AddSink(ctx context.Context, r *recipe.Recipe, tokenFile string) (*recipe.Recipe, map[string]string, error) {
	if g == nil || r.Has("sink") {
		return r, nil, nil
	}
	config := map[string]any{"server": g.URL}
	if g.Roots != "" {
		config["ca_certificate_path"] = g.Roots
	}
	secrets := map[string]string{}
	switch {
	case tokenFile != "":
		config["auth"] = map[string]any{"type": "pat", "config": map[string]any{"token_file": tokenFile}}
	case g.Authorization != nil:
		get := g.Authorization
		if g.Fresh != nil {
			get = g.Fresh
		}
		header, err := get(ctx)
		if err != nil {
			return nil, nil, noToken(err)
		}
		if token, ok := strings.CutPrefix(header, "Bearer "); ok {
			config["token"], secrets[tokenName] = "${"+tokenName+"}", token
		} else if header != "" {
			config["extra_headers"] = map[string]any{"Authorization": "${" + tokenName + "}"}
			secrets[tokenName] = header
		}
	}
	with, err := overlay(r, map[string]any{"sink": map[string]any{"type": "datahub-rest", "config": config}})
	return with, secrets, err
}

func noToken(err error) error {
	return &Error{Kind: Credential, Err: fmt.Errorf("getting a token for the run: %w", err)}
}

// parts returns what else of a run's secrets must not be seen: the credentials
// of a header without the word before them, and each half of a pair.
func parts(secrets map[string]string) map[string]string {
	found := map[string]string{}
	if _, credentials, ok := strings.Cut(secrets[tokenName], " "); ok {
		found[tokenName+"_VALUE"] = credentials
		if _, password, ok := strings.Cut(credentials, ":"); ok {
			found[tokenName+"_PASSWORD"] = password
		}
	}
	return found
}
