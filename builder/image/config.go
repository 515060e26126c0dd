package image

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// Config is what an image config says, OCI image spec "config.md". Times are
// UTC; the zero time is "not given".
type Config struct {
	Architecture string            `json:"architecture"`
	OS           string            `json:"os"`
	Variant      string            `json:"variant,omitempty"`
	Created      time.Time         `json:"created"`
	User         string            `json:"user,omitempty"`
	WorkingDir   string            `json:"workingDir,omitempty"`
	Env          []string          `json:"env,omitempty"` // KEY=VALUE, in the image's order
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	Volumes      []string          `json:"volumes,omitempty"` // sorted
	Ports        []string          `json:"ports,omitempty"`   // sorted
	Labels       map[string]string `json:"labels,omitempty"`
	StopSignal   string            `json:"stopSignal,omitempty"`
	Healthcheck  []string          `json:"healthcheck,omitempty"`
	OnBuild      []string          `json:"onBuild,omitempty"`
	DiffIDs      []string          `json:"diffIDs"`
	History      []History         `json:"history,omitempty"`
}

// History is one line of an image's history.
type History struct {
	Created    time.Time `json:"created"`
	CreatedBy  string    `json:"createdBy,omitempty"`
	Comment    string    `json:"comment,omitempty"`
	Author     string    `json:"author,omitempty"`
	EmptyLayer bool      `json:"emptyLayer,omitempty"`
}

type configJSON struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Variant      string    `json:"variant"`
	Created      time.Time `json:"created"`
	Config       struct {
		User         string
		WorkingDir   string
		Env          []string
		Entrypoint   []string
		Cmd          []string
		Volumes      map[string]any
		ExposedPorts map[string]any
		Labels       map[string]string
		StopSignal   string
		OnBuild      []string
		Healthcheck  *struct{ Test []string }
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    time.Time `json:"created"`
		CreatedBy  string    `json:"created_by"`
		Comment    string    `json:"comment"`
		Author     string    `json:"author"`
		EmptyLayer bool      `json:"empty_layer"`
	} `json:"history"`
}

func parseConfig(raw []byte) (Config, error) {
	var j configJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return Config{}, fault.Wrap(fault.Integrity, err, "reading image config")
	}
	if j.RootFS.Type != "layers" {
		return Config{}, fault.New(fault.Integrity, "reading image config: rootfs type %q", j.RootFS.Type)
	}
	for _, d := range j.RootFS.DiffIDs {
		if !validDigest(d) {
			return Config{}, fault.New(fault.Integrity, "reading image config: diff ID %q", d)
		}
	}
	c := Config{
		Architecture: j.Architecture, OS: j.OS, Variant: j.Variant, Created: j.Created.UTC(),
		User: j.Config.User, WorkingDir: j.Config.WorkingDir, Env: j.Config.Env,
		Entrypoint: j.Config.Entrypoint, Cmd: j.Config.Cmd,
		Volumes: sortedKeys(j.Config.Volumes), Ports: sortedKeys(j.Config.ExposedPorts),
		Labels: j.Config.Labels, StopSignal: j.Config.StopSignal, OnBuild: j.Config.OnBuild,
		DiffIDs: j.RootFS.DiffIDs,
	}
	if j.Config.Healthcheck != nil {
		c.Healthcheck = j.Config.Healthcheck.Test
	}
	for _, h := range j.History {
		c.History = append(c.History, History{Created: h.Created.UTC(), CreatedBy: h.CreatedBy, Comment: h.Comment, Author: h.Author, EmptyLayer: h.EmptyLayer})
	}
	return c, nil
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// layerHistory returns what made each of n layers; histories that do not
// match the number of layers say nothing.
func (c Config) layerHistory(n int) []string {
	made := make([]string, 0, n)
	for _, h := range c.History {
		if !h.EmptyLayer {
			made = append(made, h.CreatedBy)
		}
	}
	if len(made) != n {
		return make([]string, n)
	}
	return made
}
