package kafka_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue/kafka"
	"github.com/lockforge/lockforge/executor/queue/kafka/msk"
)

// emptyHash is that of a request without a body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// account is what AWS knows of a caller.
type account struct {
	credentials aws.Credentials
	region      string
}

// judge does what a broker in AWS does: it signs the same request again, with
// AWS's own signer, and compares.
func (a account) judge(message []byte) error {
	said := map[string]string{}
	if err := json.Unmarshal(message, &said); err != nil {
		return fmt.Errorf("the message is no JSON object: %w", err)
	}
	at, err := time.Parse("20060102T150405Z", said["x-amz-date"])
	if age := time.Since(at); err != nil || age < -time.Minute || age > time.Minute || said["x-amz-expires"] == "" {
		return fmt.Errorf("signed at %q for %q seconds", said["x-amz-date"], said["x-amz-expires"])
	}
	if said["version"] != "2020_10_22" || said["action"] != "kafka-cluster:Connect" || said["user-agent"] == "" {
		return fmt.Errorf("version %q, action %q, user agent %q", said["version"], said["action"], said["user-agent"])
	}
	query := url.Values{"Action": {said["action"]}, "X-Amz-Expires": {said["x-amz-expires"]}}
	request, err := http.NewRequest(http.MethodGet, "https://"+said["host"]+"/?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), a.credentials, request, emptyHash, "kafka-cluster", a.region, at)
	if err != nil {
		return err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return err
	}
	query = u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if said[strings.ToLower(name)] != query.Get(name) {
			return fmt.Errorf("%s is not what AWS's signer has", name)
		}
	}
	return nil
}

// amazon is a front that knows one caller at a time.
type amazon struct {
	*front
	mu    sync.Mutex
	known account
	calls int // connections that were let in
}

func newAmazon(t *testing.T, broker *kafkatest.Broker) (*amazon, authority) {
	t.Helper()
	ca := newAuthority(t)
	cert, key := ca.issue(t, "broker", net.IPv4(127, 0, 0, 1))
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	a := &amazon{known: account{aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "s3cret+/of-aws", SessionToken: "a/session+token="}, "eu-central-1"}}
	a.front = newFront(t, broker.Address, pair, func(message []byte) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		err := a.known.judge(message)
		if err == nil {
			a.calls++
		}
		return err
	})
	return a, ca
}

// environment gives the SDK's default chain what a container has.
func (a *amazon) environment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": a.known.credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY": a.known.credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN": a.known.credentials.SessionToken, "AWS_REGION": a.known.region,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	} {
		t.Setenv(name, value)
	}
}

// TestIAM takes a request from a real broker behind AWS's authentication, with
// credentials of the SDK's default chain.
func TestIAM(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	a, ca := newAmazon(t, w.broker)
	w.put("run", 1, 1)
	base := map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM", "ssl.ca.pem": ca.text}
	java := maps.Clone(base)
	java["sasl.jaas.config"] = "software.amazon.msk.auth.iam.IAMLoginModule required;"
	for _, tc := range []struct {
		name       string
		properties map[string]string
		change     func(t *testing.T)
		want       string // "" is success
	}{
		{"librdkafka", base, func(*testing.T) {}, ""},
		{"Java", java, func(*testing.T) {}, ""},
		{"a wrong key", base, func(t *testing.T) { t.Setenv("AWS_SECRET_ACCESS_KEY", "wr0ng-secret") }, "X-Amz-Signature is not"},
		{"another region", base, func(t *testing.T) { t.Setenv("AWS_REGION", "us-east-1") }, "X-Amz-Credential is not"},
		{"no region", base, func(t *testing.T) { t.Setenv("AWS_REGION", "") }, "AWS_REGION"},
		{"no credentials", base, func(t *testing.T) { t.Setenv("AWS_ACCESS_KEY_ID", "") }, "getting AWS credentials"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a.environment(t)
			tc.change(t)
			o, k := w.options(), &taker{}
			o.Brokers, o.Properties, o.AWS = []string{a.address}, tc.properties, new(msk.Chain).Credentials
			o.Group = "group-" + strings.ReplaceAll(tc.name, " ", "-") + w.topic.Name
			source, err := kafka.New(o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err = source.Check(ctx)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want %q in it", err, tc.want)
				}
				for _, secret := range []string{"s3cret+/of-aws", "wr0ng-secret", "a/session+token="} {
					if err != nil && strings.Contains(err.Error(), secret) {
						t.Errorf("the error shows a credential: %v", err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			stop := w.run(source, k)
			k.await(t, "run-000")
			stop()
		})
	}
}

// TestIAMAsksForEachConnection has credentials change between connections, as
// those of a role do.
func TestIAMAsksForEachConnection(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	a, ca := newAmazon(t, w.broker)
	a.environment(t)
	o := w.options()
	o.Brokers, o.Properties = []string{a.address}, map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM", "ssl.ca.pem": ca.text}
	o.AWS = func(context.Context) (string, string, string, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		c := a.known.credentials
		return c.AccessKeyID, c.SecretAccessKey, c.SessionToken, nil
	}
	source, err := kafka.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		a.mu.Lock()
		a.known.credentials = aws.Credentials{AccessKeyID: fmt.Sprint("AKID", i), SecretAccessKey: fmt.Sprint("secret", i)}
		before := a.calls
		a.mu.Unlock()
		if err := source.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.mu.Lock()
		if a.calls == before {
			t.Error("no connection was let in")
		}
		a.mu.Unlock()
	}
}

func TestUnsupportedMechanisms(t *testing.T) {
	for name, tc := range map[string]struct {
		properties map[string]string
		want       []string
	}{
		"Kerberos":            {map[string]string{"sasl.mechanism": "GSSAPI"}, []string{"GSSAPI (Kerberos) is not supported", "SCRAM-SHA-512", "security.protocol=SSL"}},
		"librdkafka's choice": {map[string]string{}, []string{"GSSAPI", "not supported", "SCRAM-SHA-512"}},
		"another":             {map[string]string{"sasl.mechanism": "DIGEST-MD5"}, []string{`"DIGEST-MD5" is not supported`, "SCRAM-SHA-512"}},
		"a role in JAAS": {map[string]string{"sasl.mechanism": "AWS_MSK_IAM", "sasl.jaas.config": `a.IAMLoginModule required awsRoleArn="x" awsProfileName="y";`},
			[]string{"awsProfileName, awsRoleArn is not supported", "AWS_PROFILE"}},
	} {
		tc.properties["security.protocol"] = "SASL_SSL"
		_, err := kafka.New(kafka.Options{
			Brokers: []string{"broker.example:9092"}, RegistryURL: "https://registry.example", Properties: tc.properties,
			AWS: new(msk.Chain).Credentials,
		})
		if !errors.Is(err, kafka.ErrOptions) {
			t.Fatalf("%s: error %v", name, err)
		}
		for _, part := range tc.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in %v", name, part, err)
			}
		}
	}
}
