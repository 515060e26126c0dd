package kafka

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func valid(change func(*Options)) Options {
	o := Options{Brokers: []string{"127.0.0.1:1"}, RegistryURL: "http://127.0.0.1:1/gms/schema-registry/api"}
	if change != nil {
		change(&o)
	}
	return o
}

func TestNewFillsWhatIsNotGiven(t *testing.T) {
	s, err := New(valid(nil))
	if err != nil {
		t.Fatal(err)
	}
	if s.topic != DefaultTopic || s.group != DefaultGroup || s.startAt != Latest || s.Name() != "kafka" || !s.LastPoll().IsZero() {
		t.Errorf("%+v", s)
	}
	if got := s.schemas.base.String(); got != "http://127.0.0.1:1/gms/schema-registry/api/" {
		t.Errorf("registry %s", got)
	}
}

func TestNewTakesProperties(t *testing.T) {
	s, err := New(Options{Properties: map[string]string{
		"bootstrap.servers": "127.0.0.1:1, SSL://127.0.0.1:2", "group.id": "g", "auto.offset.reset": "smallest", "client.id": "c", "client.rack": "r",
		"group.instance.id": "i", "schema.registry.url": "http://u:p@127.0.0.1:1", "session.timeout.ms": "6000", "heartbeat.interval.ms": "2000",
		"max.poll.interval.ms": "60000", "fetch.wait.max.ms": "100", "metadata.max.age.ms": "60000", "request.timeout.ms": "30000",
		"connections.max.idle.ms": "60000", "socket.connection.setup.timeout.ms": "1000",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s.group != "g" || s.startAt != Earliest || s.schemas.user != "u" || s.schemas.pass != "p" || strings.Contains(s.schemas.base.String(), "p@") || len(s.Notes()) > 0 {
		t.Errorf("%+v, notes %q", s, s.Notes())
	}
	s, err = New(valid(func(o *Options) {
		o.Group, o.StartAt = "ours", Latest
		o.Properties = map[string]string{"group.id": "theirs", "auto.offset.reset": "earliest"}
	}))
	if err != nil || s.group != "ours" || s.startAt != Latest {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestNewReportsAllProblems(t *testing.T) {
	_, err := New(Options{StartAt: "middle", Properties: map[string]string{
		"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI", "ssl.truststore.type": "JKS", "session.timeout.ms": "soon", "ssl.key.password": "hunter2",
	}})
	if !errors.Is(err, ErrOptions) {
		t.Fatal(err)
	}
	for _, part := range []string{"broker", "registry", "middle", "GSSAPI", "JKS", "session.timeout.ms", "ssl.key.password"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows a password: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	properties := func(pairs ...string) func(*Options) {
		return func(o *Options) {
			o.Properties = map[string]string{}
			for pair := range slices.Chunk(pairs, 2) {
				o.Properties[pair[0]] = pair[1]
			}
		}
	}
	for name, change := range map[string]func(*Options){
		"a registry that is no url":      func(o *Options) { o.RegistryURL = "secret@host" },
		"a registry of files":            func(o *Options) { o.RegistryURL = "file:///x" },
		"an unknown protocol":            properties("security.protocol", "TLS"),
		"no mechanism":                   properties("security.protocol", "SASL_PLAINTEXT"),
		"no password":                    properties("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN", "sasl.username", "x"),
		"an unreadable jaas":             properties("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN", "sasl.jaas.config", "module"),
		"IAM without credentials":        properties("security.protocol", "SASL_SSL", "sasl.mechanism", "AWS_MSK_IAM"),
		"oidc without endpoint":          properties("security.protocol", "SASL_SSL", "sasl.mechanism", "OAUTHBEARER", "sasl.oauthbearer.client.id", "x"),
		"another method of tokens":       properties("sasl.oauthbearer.method", "default"),
		"roots that are not there":       properties("security.protocol", "SSL", "ssl.ca.location", "/nowhere"),
		"roots that are none":            properties("security.protocol", "SSL", "ssl.ca.pem", "x"),
		"a certificate without key":      properties("security.protocol", "SSL", "ssl.certificate.pem", "x"),
		"a certificate that is none":     properties("security.protocol", "SSL", "ssl.certificate.pem", "x", "ssl.key.pem", "x"),
		"an unknown identification":      properties("ssl.endpoint.identification.algorithm", "dns"),
		"a verification of neither":      properties("enable.ssl.certificate.verification", "maybe"),
		"a start of neither":             properties("auto.offset.reset", "none"),
		"a short session":                properties("session.timeout.ms", "10"),
		"a pulse slower than a session":  properties("session.timeout.ms", "6000", "heartbeat.interval.ms", "7000"),
		"a duration with unit":           properties("request.timeout.ms", "30s"),
		"a broker that is no address":    func(o *Options) { o.Brokers = []string{"a b:c:d"} },
		"extensions that are no pairs":   properties("security.protocol", "SASL_SSL", "sasl.mechanism", "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url", "http://x", "sasl.oauthbearer.client.id", "x", "sasl.oauthbearer.client.secret", "x", "sasl.oauthbearer.extensions", "x"),
		"a keystore that has no key":     properties("security.protocol", "SSL", "ssl.keystore.location", "/dev/null"),
		"a file of roots without an end": properties("security.protocol", "SSL", "ssl.ca.location", "/dev/zero"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(valid(change)); !errors.Is(err, ErrOptions) || strings.Contains(err.Error(), "secret@") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNotesNameWhatHasNoEffect(t *testing.T) {
	s, err := New(valid(func(o *Options) {
		o.Properties = map[string]string{"enable.auto.commit": "true", "fetch.min.bytez": "1", "sasl.username": "x"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"property enable.auto.commit has no effect: offsets are committed when a request is durably taken",
		`property "fetch.min.bytez" is unknown and has no effect`,
		"sasl properties have no effect: security.protocol is not SASL_SSL or SASL_PLAINTEXT",
	}
	if diff := cmp.Diff(want, s.Notes()); diff != "" {
		t.Error(diff)
	}
}

func TestIAMTakesCredentials(t *testing.T) {
	_, err := New(valid(func(o *Options) {
		o.Properties = map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM"}
		o.AWS = func(context.Context) (string, string, string, error) { return "a", "s", "t", nil }
	}))
	if err != nil {
		t.Error(err)
	}
}

func TestParseJAAS(t *testing.T) {
	for text, want := range map[string]map[string]string{
		`a.b.PlainLoginModule required username="x" password="y z";`:     {"username": "x", "password": "y z"},
		"a.B  required\n  username='x'\n  password=\"q\\\"uo;te=\"\n;\n": {"username": "x", "password": `q"uo;te=`},
		`a.B required username=x password=y;`:                            {"username": "x", "password": "y"},
		`a.B REQUIRED;`:                                                  {},
	} {
		got, err := parseJAAS(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{``, `a.B`, `a.B maybe username="x"`, `a.B required username`, `a.B required username="x`, `a.B required ="x";`, `a.B required "x"="y";`} {
		if got, err := parseJAAS(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzParseJAAS(f *testing.F) {
	f.Add(`a.b.PlainLoginModule required username="x" password="y\"z";`)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseJAAS(text) })
}

func TestClientLogRepeatsNothing(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	c := clientLog{log: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	for range 3 {
		c.Log(kgo.LogLevelWarn, "unable to dial", "broker", 1)
		c.Log(kgo.LogLevelError, "other")
	}
	now = now.Add(repeatEvery)
	c.Log(kgo.LogLevelWarn, "unable to dial", "broker", 1)
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}
