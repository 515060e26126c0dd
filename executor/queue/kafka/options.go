package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/executor/queue"
)

// Names that DataHub's own executor uses.
const (
	DefaultTopic = "MetadataChangeLog_Versioned_v1"
	DefaultGroup = "ingestion_executor"
)

// Where a group starts that has no committed offset.
const (
	Latest   = "latest"
	Earliest = "earliest"
)

// Options say what to consume and how.
type Options struct {
	// Brokers are "host:port"; none: property bootstrap.servers.
	Brokers []string
	// Topic and Group are DefaultTopic and DefaultGroup when empty.
	Topic, Group string
	// RegistryURL is the base of a Confluent schema registry. GMS serves one
	// under /schema-registry/api/. Its path is kept; a user in it is sent.
	RegistryURL string
	// Registry is the client for it, with what authenticates to it; nil: one
	// with a timeout of RegistryTimeout.
	Registry *http.Client
	// Properties are those of librdkafka and of Java's clients, as they come
	// from KAFKA_PROPERTIES_*. Those that are unknown or without effect are in Notes.
	Properties map[string]string
	// StartAt is Latest (default) or Earliest.
	StartAt string
	// Pools are the pools to serve; see queue.Filter.
	Pools []string
	// AWS gives credentials for the mechanism AWS_MSK_IAM, and is asked for
	// each connection; nil: the mechanism is refused.
	AWS func(ctx context.Context) (accessKey, secretKey, sessionToken string, err error)
	// Read is told of records that were read: all, and those among them that
	// are requests or signals, of any pool; nil: nobody. It must be quick.
	Read func(all, ours int)
	// Log gets what went wrong and was survived; nil: nowhere.
	Log *slog.Logger
	// Now is the clock of LastPoll; nil: time.Now.
	Now func() time.Time
}

// ErrOptions says that a Source cannot be made of the options.
var ErrOptions = errors.New("unusable kafka settings")

// New checks the options, all of them at once (ErrOptions), and connects to
// nothing.
func New(o Options) (*Source, error) {
	var problems []error
	set := readProperties(o.Properties)
	problems = append(problems, set.problems...)
	if len(o.Brokers) > 0 {
		set.brokers = o.Brokers
	}
	problems = append(problems, checkBrokers(set.brokers))
	for _, name := range []struct {
		into            *string
		given, fallback string
	}{{&set.group, o.Group, DefaultGroup}, {&set.topic, o.Topic, DefaultTopic}, {&set.registry, o.RegistryURL, ""}, {&set.startAt, o.StartAt, Latest}} {
		switch {
		case name.given != "":
			*name.into = name.given
		case *name.into == "":
			*name.into = name.fallback
		}
	}
	if !slices.Contains([]string{Latest, Earliest}, set.startAt) {
		problems = append(problems, fmt.Errorf("start %q is neither %s nor %s", set.startAt, Latest, Earliest))
	}
	registry, err := newRegistry(set.registry, set.registryUser, o.Registry)
	if err != nil {
		problems = append(problems, err)
	}
	secure, err := set.security(o.AWS)
	if err != nil {
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	s := &Source{
		topic: set.topic, group: set.group, notes: set.notes, startAt: set.startAt,
		filter: queue.Filter{Pools: o.Pools}, schemas: registry,
		log: o.Log, now: o.Now, stale: unknownSchemaFor, batch: maxBatch, read: o.Read,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.read == nil {
		s.read = func(int, int) {}
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.connect = append(append(set.connect, secure...), kgo.SeedBrokers(set.brokers...), kgo.WithLogger(&clientLog{log: s.log, now: s.now}), kgo.WithHooks(s.heard()))
	s.consume = set.consume
	if err := kgo.ValidateOpts(append(slices.Concat(s.connect, s.consume), s.groupOptions(&lanes{source: s})...)...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return s, nil
}

// checkBrokers wants at least one, each a host with or without a port.
func checkBrokers(brokers []string) error {
	if len(brokers) == 0 {
		return errors.New("no broker is given (KAFKA_BOOTSTRAP_SERVER)")
	}
	var problems []error
	for _, broker := range brokers {
		host, port, err := net.SplitHostPort(broker)
		if err != nil {
			host, port = broker, "9092"
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, " /@") || strings.Count(host, ":") == 1 {
			problems = append(problems, fmt.Errorf("broker %.80q is not of the form host:port", broker))
		}
	}
	return errors.Join(problems...)
}

// registryBase parses the base of a registry.
func registryBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("no schema registry is given (SCHEMA_REGISTRY_URL; GMS serves one under /schema-registry/api/)")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		// Not the text itself: it may carry a password.
		return nil, errors.New("the schema registry's address is no http or https url")
	}
	u.RawQuery, u.Fragment = "", ""
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}
