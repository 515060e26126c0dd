package task

import (
	"slices"
	"strings"
)

// passed lists the variables that a child gets from the executor's own
// environment. Nothing that steers an interpreter, a loader or an installer
// (PYTHON*, LD_*, PIP_*, UV_*) is among them, and no PATH: a locked image has
// no program that a connector could want to find.
var passed = []string{
	"LANG", "LC_ALL", "TZ",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
	"DATAHUB_GMS_URL", "DATAHUB_GMS_HOST", "DATAHUB_GMS_PORT", "DATAHUB_GMS_PROTOCOL", "DATAHUB_GMS_BASE_PATH",
	"DATAHUB_TELEMETRY_ENABLED", "DATAHUB_TELEMETRY_TIMEOUT", "DATAHUB_SKIP_CONFIG",
	"GIT_PYTHON_REFRESH",
}

// Environment returns the environment of a child: the allowed part of environ,
// and HOME and TMPDIR pointing at dir, sorted.
func Environment(environ []string, dir string) []string {
	env := []string{"HOME=" + dir, "TMPDIR=" + dir, "PYTHONDONTWRITEBYTECODE=1"}
	for _, variable := range environ {
		name, _, ok := strings.Cut(variable, "=")
		if ok && slices.Contains(passed, name) {
			env = append(env, variable)
		}
	}
	slices.Sort(env)
	return slices.Compact(env)
}
