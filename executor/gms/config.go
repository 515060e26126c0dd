package gms

import (
	"context"
	"encoding/json"
	"net/http"
)

// ServerConfig is what GMS says about itself.
type ServerConfig struct {
	Version           string // "v1.7.0"; "" where it does not say
	ServerType        string // "prod", "quickstart", ...
	DefaultCLIVersion string // what the UI asks for where a source names none
	// RemoteExecutorBackend says that the server has the models of a managed
	// remote executor, which open-source servers lack.
	RemoteExecutorBackend bool
}

// Config asks who the server is. Servers answer that without authentication:
// use Check to know whether the credential works.
func (c *Client) Config(ctx context.Context) (ServerConfig, error) {
	var config struct {
		NoCode   string `json:"noCode"`
		Versions map[string]struct {
			Version string `json:"version"`
		} `json:"versions"`
		Ingestion struct {
			Default string `json:"defaultCliVersion"`
		} `json:"managedIngestion"`
		Datahub struct {
			ServerType string `json:"serverType"`
		} `json:"datahub"`
		Remote json.RawMessage `json:"remoteExecutorBackend"`
	}
	_, err := c.do(ctx, call{
		op: "reading the configuration", method: http.MethodGet, path: "config",
		judge: func(a *answer) *Error {
			// The frontend has a /config as well; only that of GMS has noCode.
			if json.Unmarshal(a.body, &config) != nil || config.NoCode != "true" {
				return foreign("the answer is not the configuration of GMS")
			}
			return nil
		},
	})
	if err != nil {
		return ServerConfig{}, err
	}
	return ServerConfig{
		Version:               config.Versions["acryldata/datahub"].Version,
		ServerType:            config.Datahub.ServerType,
		DefaultCLIVersion:     config.Ingestion.Default,
		RemoteExecutorBackend: enabled(config.Remote),
	}, nil
}

// enabled reads a switch that is a truth value or an object that has one.
func enabled(raw json.RawMessage) bool {
	var object struct {
		Enabled bool `json:"enabled"`
	}
	var truth bool
	return json.Unmarshal(raw, &truth) == nil && truth || json.Unmarshal(raw, &object) == nil && object.Enabled
}

// Check reads the configuration and then an execution request that does not
// exist, which fails where the credential or the privilege to read is missing.
func (c *Client) Check(ctx context.Context) (ServerConfig, error) {
	config, err := c.Config(ctx)
	if err != nil {
		return ServerConfig{}, err
	}
	_, _, err = c.Aspect(ctx, RunURN("lockforge-check"), ResultAspect)
	return config, err
}

// foreign is the error for an answer that GMS would not give. What it says
// stays out: it may hold secrets.
func foreign(detail string) *Error {
	return &Error{Kind: Protocol, Detail: detail, Hint: urlHint}
}
