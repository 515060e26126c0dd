package config

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/executor/gms/auth"
)

// complete derives what depends on several settings and checks it.
func (l *loader) complete() {
	l.completeServer()
	l.completeAuth()
	l.completeSources()
	l.completeSecrets()
	l.completeOutward()
	if logs := &l.config.Logs; logs.Work == "" {
		logs.Work = firstUsable(defaultWork, filepath.Join(logs.Dir, workBesideLogs))
	}
	l.checkPaths()
}

func (l *loader) completeServer() {
	gms := &l.config.GMS
	if gms.URL == "" {
		address := gms.Protocol + "://" + net.JoinHostPort(strings.Trim(gms.Host, "[]"), gms.Port)
		if path := strings.Trim(gms.BasePath, "/"); path != "" {
			address += "/" + path
		}
		checked, err := parseURL(address)
		if err != nil {
			l.problems.add(l.where("gms.host"), "the URL that protocol, host, port and base path make %v", err)
		}
		gms.URL = checked
	}
	if u, err := url.Parse(gms.URL); err == nil && strings.HasSuffix(u.Hostname(), ".acryl.io") && !strings.HasSuffix(u.Path, "/gms") {
		l.warn(l.where("gms.url"), "has to end in /gms for DataHub Cloud")
	}
	if _, set := l.from["mode"]; set {
		l.warn(l.where("mode"), "does not choose where runs come from: DataHub Cloud's channels are not public; see LOCKFORGE_EXECUTOR_SOURCES")
	}
}

// need says which settings are missing.
func (l *loader) need(why string, needs map[string]bool) {
	for _, s := range Settings() {
		if there, needed := needs[s.Key]; needed && !there {
			l.problems.add(s.Names[0], "is missing; %s needs it", why)
		}
	}
}

func (l *loader) completeAuth() {
	a := l.config.Auth
	if _, err := auth.FromConfig(a.Credentials()); err != nil {
		l.problems.add(l.where("auth.type"), "%v", err)
	}
	l.warnPlain(l.config.GMS.URL)
}

// Credentials are what package auth makes a source of.
func (a Auth) Credentials() auth.Config {
	return auth.Config{
		Type:  a.Type,
		Token: a.Token.Reveal(), TokenFile: a.TokenFile,
		SystemClientID: a.SystemID, SystemClientSecret: a.SystemSecret.Reveal(),
		TokenEndpoint: a.TokenEndpoint, ClientID: a.ClientID, ClientSecret: a.ClientSecret.Reveal(),
		Scope: a.Scope, Audience: a.Audience,
		AzureTenantID: a.AzureTenant, AzureClientID: a.AzureClient, AzureScope: a.AzureScope,
		AzureClientSecret: a.AzureSecret.Reveal(), AzureTokenFile: a.AzureTokenFile, AzureAuthority: a.AzureAuthority,
	}
}

// warnPlain is about credentials that everyone on the way can read.
func (l *loader) warnPlain(address string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || l.config.Auth.Type == auth.TypeNone {
		return
	}
	if host := u.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() && strings.Contains(host, ".") {
		l.warn(l.where("gms.url"), "is not https: the credentials cross the network in the clear")
	}
}

func (l *loader) completeSources() {
	c := l.config
	if c.Sources == nil {
		c.Sources = []string{SourcePoll}
		if c.Kafka.named() {
			c.Sources = []string{SourceKafka}
		}
	}
	for _, pool := range c.Pools {
		if pool == "__datahub_cli_" {
			l.problems.add(l.where("pools"), "%s is what the CLI records its own runs under; they are over", pool)
		}
	}
	if slices.Contains(c.Sources, SourceKafka) {
		l.completeKafka()
	} else {
		c.Kafka = nil
	}
	if !slices.Contains(c.Sources, SourcePoll) {
		c.Poll = nil
	}
}

// named says whether there are brokers, be it as a property of the client.
func (k *Kafka) named() bool { return len(k.Brokers) > 0 || k.Properties["bootstrap.servers"] != "" }

func (l *loader) completeKafka() {
	k := l.config.Kafka
	l.need("the source kafka", map[string]bool{"kafka.brokers": k.named()})
	for _, broker := range k.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || port == "" {
			l.problems.add(l.where("kafka.brokers"), "%q is not host:port", broker)
		}
	}
	if k.RegistryURL == "" && k.Properties["schema.registry.url"] == "" {
		k.RegistryURL = l.config.GMS.URL + "/schema-registry/api"
	}
}

func (l *loader) completeSecrets() {
	s := &l.config.Secrets
	if slices.Contains(s.Stores, StoreAWS) {
		l.need("the store "+StoreAWS, map[string]bool{"secrets.aws_region": s.AWS.Region != ""})
	}
	if slices.Contains(s.Stores, StoreGCP) {
		l.need("the store "+StoreGCP, map[string]bool{"secrets.gcp_project": s.GCP.Project != ""})
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"secrets.env", s.Env}, {"recipe.env_vars", l.config.Recipe.EnvVars}} {
		for _, name := range list.names {
			if strings.Contains(strings.TrimSuffix(name, "*"), "*") || strings.ContainsAny(name, "=$ ") {
				l.problems.add(l.where(list.key), "%q is neither the name of a variable nor the beginning of one with a * after it", name)
			}
		}
	}
}

func (l *loader) completeOutward() {
	m := &l.config.Metrics
	if !slices.Contains([]string{ListenOff, ListenLoopback, ListenAll}, m.Listen) {
		if _, port, err := net.SplitHostPort(m.Listen); err != nil || !isPort(port) {
			l.problems.add(l.where("metrics.listen"), "%q is none of off, loopback, all, and no address", m.Listen)
		}
	}
	if !strings.HasPrefix(m.PushPath, "/") {
		l.problems.add(l.where("metrics.push_path"), "%q does not begin with a slash", m.PushPath)
	}
	t := &l.config.Trace
	switch {
	case t.Disabled:
		t.Endpoint = ""
	case t.Endpoint == "" && t.Base != "":
		t.Endpoint = t.Base + "/v1/traces"
	}
}

// isPort takes 0 as well, with which the system chooses one.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// Where metrics are served.
const (
	ListenOff      = "off"
	ListenLoopback = "loopback"
	ListenAll      = "all"
)

// Address returns what to listen on, "" for nothing.
func (m Metrics) Address() string {
	port := strconv.Itoa(m.Port)
	switch m.Listen {
	case ListenOff:
		return ""
	case ListenLoopback:
		return net.JoinHostPort("127.0.0.1", port)
	case ListenAll:
		return ":" + port
	default:
		return m.Listen
	}
}

// checkPaths refuses relative ones: what they are relative to is nobody's
// decision.
func (l *loader) checkPaths() {
	c := l.config
	paths := map[string][]string{
		"gms.roots": c.GMS.Roots, "auth.token_file": {c.Auth.TokenFile}, "auth.azure_token_file": {c.Auth.AzureTokenFile}, "secrets.dir": {c.Secrets.Dir},
		"venvs.root": {c.Venvs.Root}, "recipe.policy": {c.Recipe.Policy}, "observe.monitors": {c.Observe.Monitors},
		"sandbox.write": c.Sandbox.Write, "sandbox.read": c.Sandbox.Read,
		"state.dir": {c.State.Dir}, "audit.dir": {c.Audit.Dir}, "logs.dir": {c.Logs.Dir}, "logs.work": {c.Logs.Work},
		"health.liveness": {c.Health.Liveness}, "health.readiness": {c.Health.Readiness},
	}
	for _, s := range Settings() {
		for _, path := range paths[s.Key] {
			if path != "" && !filepath.IsAbs(path) {
				l.problems.add(l.where(s.Key), "%q is no absolute path", path)
			}
		}
	}
	if c.Health.Liveness == c.Health.Readiness {
		l.problems.add(l.where("health.readiness"), "is the liveness file too: a probe takes its file away")
	}
	if c.Logs.Dir == c.Logs.Work {
		l.problems.add(l.where("logs.work"), "is the directory of the logs too: scratch directories are removed")
	}
}
