package secret

import (
	"context"
	"slices"
	"strings"
)

// credentials are the executor's own; a recipe gets one only where Env.Allow
// has its very name.
var credentials = []string{
	"DATAHUB_GMS_TOKEN", "DATAHUB_SYSTEM_CLIENT_ID", "DATAHUB_SYSTEM_CLIENT_SECRET",
	"DATAHUB_AUTH_CLIENT_SECRET", "DATAHUB_AUTH_AZURE_CLIENT_SECRET",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS",
}

// Env is the store "env": variables of the executor's own environment. Upstream
// hands a recipe any of them; here only those that Allow lists.
type Env struct {
	Environ []string // "NAME=value", as os.Environ returns it
	// Allow has names, and beginnings of names with a "*" after them. "*"
	// alone is upstream's behaviour, without the executor's credentials.
	Allow []string
}

// ID returns "env".
func (e Env) ID() string { return "env" }

// Values returns the allowed variables among names.
func (e Env) Values(_ context.Context, names []string) (map[string]string, error) {
	values := map[string]string{}
	for _, variable := range e.Environ {
		name, value, ok := strings.Cut(variable, "=")
		if _, again := values[name]; ok && !again && slices.Contains(names, name) && e.allows(name) {
			values[name] = value
		}
	}
	return values, nil
}

func (e Env) allows(name string) bool {
	if !validName(name) {
		return false
	}
	if slices.Contains(e.Allow, name) {
		return true
	}
	return !slices.Contains(credentials, name) && slices.ContainsFunc(e.Allow, func(pattern string) bool {
		beginning, ok := strings.CutSuffix(pattern, "*")
		return ok && strings.HasPrefix(name, beginning)
	})
}
