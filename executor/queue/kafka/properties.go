package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// settings are what properties say. The names of librdkafka and of Java's
// clients are taken alike; `known` and `without` list them.
type settings struct {
	brokers                        []string
	topic, group, startAt          string
	registry, registryUser         string
	protocol, mechanism            string
	user, password, jaas           string
	oidc                           oidc
	tls                            tlsSettings
	connect, consume               []kgo.Opt
	notes                          []string
	problems                       []error
	sessionTimeout, rebalanceLimit time.Duration
}

// known says what each property does.
var known = map[string]func(*settings, string) error{
	"bootstrap.servers":    brokers,
	"metadata.broker.list": brokers,
	"group.id":             text(func(s *settings) *string { return &s.group }),
	"auto.offset.reset":    start,
	"client.id":            option(func(s *settings, v string) { s.connect = append(s.connect, kgo.ClientID(v)) }),
	"client.rack":          option(func(s *settings, v string) { s.consume = append(s.consume, kgo.Rack(v)) }),
	"group.instance.id":    option(func(s *settings, v string) { s.consume = append(s.consume, kgo.InstanceID(v)) }),

	"security.protocol": text(func(s *settings) *string { return &s.protocol }),
	"sasl.mechanism":    text(func(s *settings) *string { return &s.mechanism }),
	"sasl.mechanisms":   text(func(s *settings) *string { return &s.mechanism }),
	"sasl.username":     text(func(s *settings) *string { return &s.user }),
	"sasl.password":     text(func(s *settings) *string { return &s.password }),
	"sasl.jaas.config":  text(func(s *settings) *string { return &s.jaas }),

	"sasl.oauthbearer.method":             method,
	"sasl.oauthbearer.token.endpoint.url": text(func(s *settings) *string { return &s.oidc.endpoint }),
	"sasl.oauthbearer.client.id":          text(func(s *settings) *string { return &s.oidc.id }),
	"sasl.oauthbearer.client.secret":      text(func(s *settings) *string { return &s.oidc.secret }),
	"sasl.oauthbearer.scope":              text(func(s *settings) *string { return &s.oidc.scope }),
	"sasl.oauthbearer.extensions":         text(func(s *settings) *string { return &s.oidc.extensions }),

	"ssl.ca.location":                       text(func(s *settings) *string { return &s.tls.rootsFile }),
	"ssl.truststore.location":               text(func(s *settings) *string { return &s.tls.rootsFile }),
	"ssl.ca.pem":                            text(func(s *settings) *string { return &s.tls.roots }),
	"ssl.truststore.certificates":           text(func(s *settings) *string { return &s.tls.roots }),
	"ssl.certificate.location":              text(func(s *settings) *string { return &s.tls.chainFile }),
	"ssl.certificate.pem":                   text(func(s *settings) *string { return &s.tls.chain }),
	"ssl.keystore.certificate.chain":        text(func(s *settings) *string { return &s.tls.chain }),
	"ssl.key.location":                      text(func(s *settings) *string { return &s.tls.keyFile }),
	"ssl.key.pem":                           text(func(s *settings) *string { return &s.tls.key }),
	"ssl.keystore.key":                      text(func(s *settings) *string { return &s.tls.key }),
	"ssl.keystore.location":                 text(func(s *settings) *string { return &s.tls.pairFile }),
	"ssl.truststore.type":                   onlyPEM,
	"ssl.keystore.type":                     onlyPEM,
	"ssl.key.password":                      encrypted,
	"ssl.keystore.password":                 encrypted,
	"ssl.truststore.password":               encrypted,
	"ssl.endpoint.identification.algorithm": hostNames,
	"enable.ssl.certificate.verification":   verification,

	"schema.registry.url":                  text(func(s *settings) *string { return &s.registry }),
	"basic.auth.user.info":                 text(func(s *settings) *string { return &s.registryUser }),
	"schema.registry.basic.auth.user.info": text(func(s *settings) *string { return &s.registryUser }),

	"session.timeout.ms":    duration(time.Second, time.Hour, func(s *settings, d time.Duration) { s.sessionTimeout = d }),
	"heartbeat.interval.ms": consume(time.Millisecond, time.Hour, kgo.HeartbeatInterval),
	"max.poll.interval.ms":  duration(time.Second, 24*time.Hour, func(s *settings, d time.Duration) { s.rebalanceLimit = d }),
	"fetch.wait.max.ms":     consume(time.Millisecond, time.Minute, kgo.FetchMaxWait),
	"fetch.max.wait.ms":     consume(time.Millisecond, time.Minute, kgo.FetchMaxWait),

	"metadata.max.age.ms":                connect(time.Second, 24*time.Hour, kgo.MetadataMaxAge),
	"topic.metadata.refresh.interval.ms": connect(time.Second, 24*time.Hour, kgo.MetadataMaxAge),
	"connections.max.idle.ms":            connect(time.Second, 24*time.Hour, kgo.ConnIdleTimeout),
	"socket.connection.setup.timeout.ms": connect(time.Millisecond, time.Hour, kgo.DialTimeout),
	"request.timeout.ms":                 connect(time.Second, 15*time.Minute, kgo.RequestTimeoutOverhead),
	"socket.timeout.ms":                  connect(time.Second, 15*time.Minute, kgo.RequestTimeoutOverhead),
}

// without lists properties that other clients need and that have no effect
// here, with the reason.
var without = map[string]string{
	"enable.auto.commit":                 "offsets are committed when a request is durably taken",
	"enable.auto.offset.store":           "offsets are committed when a request is durably taken",
	"auto.commit.interval.ms":            "offsets are committed when a request is durably taken",
	"max.poll.records":                   "records are bounded in bytes",
	"fetch.max.bytes":                    "what is fetched at once is bounded already",
	"max.partition.fetch.bytes":          "what is fetched at once is bounded already",
	"fetch.message.max.bytes":            "what is fetched at once is bounded already",
	"fetch.min.bytes":                    "a request is taken as soon as it is there",
	"partition.assignment.strategy":      "it is range, then roundrobin, as in DataHub's executor",
	"key.deserializer":                   "events are Confluent Avro",
	"value.deserializer":                 "events are Confluent Avro",
	"specific.avro.reader":               "events are Confluent Avro",
	"basic.auth.credentials.source":      "basic.auth.user.info and the user in the registry's address are both taken",
	"ssl.protocol":                       "TLS 1.2 or newer is agreed on with the broker",
	"ssl.enabled.protocols":              "TLS 1.2 or newer is agreed on with the broker",
	"sasl.login.callback.handler.class":  "it names a Java class; the mechanism says what is done",
	"sasl.client.callback.handler.class": "it names a Java class; the mechanism says what is done",
	"api.version.request":                "versions are agreed on with the broker",
	"broker.version.fallback":            "versions are agreed on with the broker",
	"debug":                              "the client logs warnings and errors",
	"compression.type":                   "nothing is produced",
	"acks":                               "nothing is produced",
	"retries":                            "requests are tried again until they time out",
	"max.request.size":                   "nothing is produced",
}

// readProperties applies properties in the order of their names. Unknown ones
// and those without effect become notes; bad values become problems, all of
// them.
func readProperties(properties map[string]string) *settings {
	s := &settings{sessionTimeout: sessionTimeout, rebalanceLimit: rebalanceTimeout}
	s.tls.verify, s.tls.hostNames = true, true
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		apply, ok := known[name]
		if !ok {
			s.note(name)
			continue
		}
		if err := apply(s, strings.TrimSpace(properties[name])); err != nil {
			s.problems = append(s.problems, fmt.Errorf("property %s: %w", name, err))
		}
	}
	s.consume = append(s.consume,
		kgo.SessionTimeout(s.sessionTimeout), kgo.RebalanceTimeout(s.rebalanceLimit),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchBytes),
		kgo.Balancers(kgo.RangeBalancer(), kgo.RoundRobinBalancer()))
	return s
}

func (s *settings) note(name string) {
	if why, ok := without[name]; ok {
		s.notes = append(s.notes, fmt.Sprintf("property %s has no effect: %s", name, why))
		return
	}
	s.notes = append(s.notes, fmt.Sprintf("property %q is unknown and has no effect", name))
}

// brokers takes addresses, with or without the protocol that librdkafka allows
// before them.
func brokers(s *settings, list string) error {
	s.brokers = split(list)
	for i, broker := range s.brokers {
		if _, address, ok := strings.Cut(broker, "://"); ok {
			s.brokers[i] = address
		}
	}
	return nil
}

func split(list string) []string {
	var out []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func text(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error { *field(s) = v; return nil }
}

func option(use func(*settings, string)) func(*settings, string) error {
	return func(s *settings, v string) error {
		if v != "" {
			use(s, v)
		}
		return nil
	}
}

// connect and consume pass a duration on to the client library.
func connect(low, high time.Duration, make func(time.Duration) kgo.Opt) func(*settings, string) error {
	return duration(low, high, func(s *settings, d time.Duration) { s.connect = append(s.connect, make(d)) })
}

func consume[O kgo.Opt](low, high time.Duration, make func(time.Duration) O) func(*settings, string) error {
	return duration(low, high, func(s *settings, d time.Duration) { s.consume = append(s.consume, make(d)) })
}

func duration(low, high time.Duration, use func(*settings, time.Duration)) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < low.Milliseconds() || n > high.Milliseconds() {
			return fmt.Errorf("%.40q is no whole number of milliseconds from %d to %d", v, low.Milliseconds(), high.Milliseconds())
		}
		use(s, time.Duration(n)*time.Millisecond)
		return nil
	}
}

func start(s *settings, v string) error {
	switch v {
	case Latest, "largest", "end":
		s.startAt = Latest
	case Earliest, "smallest", "beginning":
		s.startAt = Earliest
	default:
		return fmt.Errorf("%.40q is neither %s nor %s", v, Latest, Earliest)
	}
	return nil
}

func method(s *settings, v string) error {
	if !strings.EqualFold(v, "oidc") {
		return fmt.Errorf("%.40q is not supported; oidc is", v)
	}
	return nil
}

func onlyPEM(_ *settings, v string) error {
	if !strings.EqualFold(v, "PEM") {
		return fmt.Errorf("%.40q is a format of Java's; convert the store to PEM and set the type to PEM", v)
	}
	return nil
}

func encrypted(_ *settings, v string) error {
	if v != "" {
		return errors.New("encrypted keys and stores are not supported; give a PEM file without password that only the executor can read")
	}
	return nil
}

func hostNames(s *settings, v string) error {
	switch strings.ToLower(v) {
	case "https":
		s.tls.hostNames = true
	case "", "none":
		s.tls.hostNames = false
	default:
		return fmt.Errorf("%.40q is neither https nor none", v)
	}
	return nil
}

func verification(s *settings, v string) error {
	on, err := strconv.ParseBool(v)
	if err != nil {
		return fmt.Errorf("%.40q is neither true nor false", v)
	}
	s.tls.verify = on
	return nil
}
