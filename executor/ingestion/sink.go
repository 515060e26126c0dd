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
	// ...", as it is when the run starts: a token should be good for as long
	// as runs take. nil is none.
	Authorization func(ctx context.Context) (string, error)
	// TokenFile, instead of Authorization, is a file with a bearer token that
	// the child reads itself, again and again: for tokens that live shorter
	// than runs. It needs DataHub CLI 1.7.0.14. The child, and so the code of
	// every connector, can read what else lies there.
	TokenFile string
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
	case g.Authorization != nil && g.TokenFile != "":
		return errors.New("server of recipes without a sink: both a token and a file with a token are given")
	case g.TokenFile != "" && !filepath.IsAbs(g.TokenFile), g.Roots != "" && !filepath.IsAbs(g.Roots):
		return errors.New("server of recipes without a sink: a file is not named by an absolute path")
	}
	return nil
}

// AddSink gives a recipe without a sink the executor's own, and returns the
// secrets that belong to it; nil leaves the recipe alone. The CLI would take address and token from its
// environment, where every process of the run could read them.
func (g *GMS) AddSink(ctx context.Context, r *recipe.Recipe, v Venv) (*recipe.Recipe, map[string]string, error) {
	if g == nil || r.Has("sink") {
		return r, nil, nil
	}
	config := map[string]any{"server": g.URL}
	if g.Roots != "" {
		config["ca_certificate_path"] = g.Roots
	}
	secrets := map[string]string{}
	switch {
	case g.TokenFile != "" && v.before(releaseTokenFile):
		return nil, nil, refuse(Credential, "CLI %s cannot read its token from a file; that needs %s", v.Release, releaseTokenFile)
	case g.TokenFile != "":
		config["auth"] = map[string]any{"type": "pat", "config": map[string]any{"token_file": g.TokenFile}}
	case g.Authorization != nil:
		header, err := g.Authorization(ctx)
		if err != nil {
			return nil, nil, &Error{Kind: Credential, Err: fmt.Errorf("getting a token for the run: %w", err)}
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
