package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The types of authentication: the values of DATAHUB_AUTH_TYPE, and None and
// System, which are ours.
const (
	TypeNone       = "none"
	TypePAT        = "pat"
	TypeSystem     = "system"
	TypeKubernetes = "k8s_oidc"
	TypeAzure      = "azure_entra"
	TypeOIDC       = "oidc_client_credentials"
)

// azureAuthority is where Entra's public cloud gives out tokens.
const azureAuthority = "https://login.microsoftonline.com"

// Config is what the environment says. Messages name the variables, as these
// are what an operator sets.
type Config struct {
	Type string // DATAHUB_AUTH_TYPE; "" takes what there is: a token, a token file, the system client

	Token     string // DATAHUB_GMS_TOKEN
	TokenFile string // DATAHUB_AUTH_TOKEN_FILE

	SystemClientID     string // DATAHUB_SYSTEM_CLIENT_ID
	SystemClientSecret string // DATAHUB_SYSTEM_CLIENT_SECRET

	TokenEndpoint string // DATAHUB_AUTH_TOKEN_ENDPOINT
	ClientID      string // DATAHUB_AUTH_CLIENT_ID
	ClientSecret  string // DATAHUB_AUTH_CLIENT_SECRET
	Scope         string // DATAHUB_AUTH_SCOPE
	Audience      string // DATAHUB_AUTH_AUDIENCE

	AzureTenantID     string // DATAHUB_AUTH_AZURE_TENANT_ID
	AzureClientID     string // DATAHUB_AUTH_AZURE_CLIENT_ID
	AzureScope        string // DATAHUB_AUTH_AZURE_SCOPE
	AzureClientSecret string // DATAHUB_AUTH_AZURE_CLIENT_SECRET; "" uses the federated token
	AzureTokenFile    string // AZURE_FEDERATED_TOKEN_FILE, which workload identity sets
	AzureAuthority    string // AZURE_AUTHORITY_HOST; "" is the public cloud

	HTTP *http.Client     // for token endpoints; nil is a plain one
	Now  func() time.Time // nil is time.Now
	// Renewed is told of every credential that is got from an identity
	// provider or found changed in a file, the first included, and of every
	// one that could not be got: err is ErrUnavailable or ErrRefused. It is
	// called from many goroutines; nil is nobody.
	Renewed func(err error)
}

// Files are those that hold a credential of the source that c describes, to be
// kept from others.
func (c Config) Files() []string {
	files := []string{c.TokenFile, c.AzureTokenFile}
	if c.Type == TypeKubernetes && c.TokenFile == "" {
		files = append(files, ProjectedTokenFile)
	}
	return slices.DeleteFunc(files, func(file string) bool { return file == "" })
}

func (c Config) told() func(error) {
	if c.Renewed == nil {
		return func(error) {}
	}
	return c.Renewed
}

// FromConfig returns the source that c describes. A type that is set decides,
// and a token file beats a token, both as upstream's CLI has it since 1.7. It
// fails with ErrConfig, naming everything that is missing or wrong.
func FromConfig(c Config) (Source, error) {
	switch c.Type {
	case "":
		return unnamed(c)
	case TypeNone:
		return None(), nil
	case TypePAT:
		if c.TokenFile == "" && c.Token == "" {
			return nil, fmt.Errorf("%w: DATAHUB_AUTH_TYPE=pat needs DATAHUB_AUTH_TOKEN_FILE or DATAHUB_GMS_TOKEN", ErrConfig)
		}
		return pat(c)
	case TypeSystem:
		if err := missing(c.Type, "DATAHUB_SYSTEM_CLIENT_ID", c.SystemClientID, "DATAHUB_SYSTEM_CLIENT_SECRET", c.SystemClientSecret); err != nil {
			return nil, err
		}
		return SystemClient(c.SystemClientID, c.SystemClientSecret)
	case TypeKubernetes:
		if c.TokenFile == "" {
			c.TokenFile = ProjectedTokenFile
		}
		return newFile(c), nil
	case TypeAzure:
		return azure(c)
	case TypeOIDC:
		return oidc(c)
	}
	types := []string{TypePAT, TypeSystem, TypeKubernetes, TypeAzure, TypeOIDC, TypeNone}
	return nil, fmt.Errorf("%w: DATAHUB_AUTH_TYPE is %q; it can be %s", ErrConfig, c.Type, strings.Join(types, ", "))
}

// unnamed is the choice where no type is set.
func unnamed(c Config) (Source, error) {
	switch {
	case c.TokenFile != "" || c.Token != "":
		return pat(c)
	case c.SystemClientSecret != "" && c.SystemClientID != "":
		return SystemClient(c.SystemClientID, c.SystemClientSecret)
	}
	return nil, fmt.Errorf("%w: set DATAHUB_GMS_TOKEN, or DATAHUB_AUTH_TYPE with its variables, or "+
		"DATAHUB_SYSTEM_CLIENT_ID with DATAHUB_SYSTEM_CLIENT_SECRET; "+
		"DATAHUB_AUTH_TYPE=none is for a server without authentication", ErrConfig)
}

func pat(c Config) (Source, error) {
	if c.TokenFile != "" {
		return newFile(c), nil
	}
	source, err := Token(c.Token)
	if err != nil {
		return nil, fmt.Errorf("DATAHUB_GMS_TOKEN: %w", err)
	}
	return source, nil
}

func oidc(c Config) (Source, error) {
	err := missing(c.Type,
		"DATAHUB_AUTH_TOKEN_ENDPOINT", c.TokenEndpoint,
		"DATAHUB_AUTH_CLIENT_ID", c.ClientID,
		"DATAHUB_AUTH_CLIENT_SECRET", c.ClientSecret)
	if err := errors.Join(err, endpoint("DATAHUB_AUTH_TOKEN_ENDPOINT", c.TokenEndpoint)); err != nil {
		return nil, err
	}
	form := url.Values{"client_id": {c.ClientID}, "client_secret": {c.ClientSecret}}
	if c.Scope != "" {
		form.Set("scope", c.Scope)
	}
	if c.Audience != "" {
		form.Set("audience", c.Audience)
	}
	return newGrant(c.TokenEndpoint, form, c), nil
}

func azure(c Config) (Source, error) {
	err := missing(c.Type,
		"DATAHUB_AUTH_AZURE_TENANT_ID", c.AzureTenantID,
		"DATAHUB_AUTH_AZURE_CLIENT_ID", c.AzureClientID,
		"DATAHUB_AUTH_AZURE_SCOPE", c.AzureScope)
	if c.AzureClientSecret == "" && c.AzureTokenFile == "" {
		err = errors.Join(err, fmt.Errorf("%w: DATAHUB_AUTH_TYPE=azure_entra needs DATAHUB_AUTH_AZURE_CLIENT_SECRET, "+
			"or workload identity, which sets AZURE_FEDERATED_TOKEN_FILE", ErrConfig))
	}
	authority := strings.TrimSuffix(c.AzureAuthority, "/")
	if authority == "" {
		authority = azureAuthority
	}
	if err := errors.Join(err, endpoint("AZURE_AUTHORITY_HOST", authority)); err != nil {
		return nil, err
	}
	form := url.Values{"client_id": {c.AzureClientID}, "scope": {c.AzureScope}}
	if c.AzureClientSecret != "" {
		form.Set("client_secret", c.AzureClientSecret)
	}
	g := newGrant(authority+"/"+url.PathEscape(c.AzureTenantID)+"/oauth2/v2.0/token", form, c)
	if c.AzureClientSecret == "" {
		g.assertion = c.AzureTokenFile
	}
	return g, nil
}

// missing names the empty ones among pairs of a variable and its value.
func missing(kind string, pairs ...string) error {
	var names []string
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == "" {
			names = append(names, pair[0])
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("%w: DATAHUB_AUTH_TYPE=%s needs %s", ErrConfig, kind, strings.Join(names, ", "))
}

// endpoint checks a URL that gets the client's secret: https, but for the
// machine itself.
func endpoint(name, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("%w: %s is not an https:// URL without user and password", ErrConfig, name)
	}
	if u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		return fmt.Errorf("%w: %s is http://; the client's secret would be readable on the way, use https://", ErrConfig, name)
	}
	return nil
}
