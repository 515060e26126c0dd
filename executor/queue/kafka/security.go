package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// maxPEM bounds a file of certificates or keys, in bytes.
const maxPEM = 4 << 20

// tlsSettings hold texts in PEM, or the files that have them.
type tlsSettings struct {
	roots, rootsFile  string // empty: the system's
	chain, chainFile  string
	key, keyFile      string
	pairFile          string // chain and key in one file, as Java's PEM keystore
	verify, hostNames bool
}

// oidc are the client credentials for OAUTHBEARER.
type oidc struct{ endpoint, id, secret, scope, extensions string }

// awsCredentials is Options.AWS.
type awsCredentials func(ctx context.Context) (accessKey, secretKey, sessionToken string, err error)

// security makes the client's options of the protocol, all problems joined.
func (s *settings) security(credentials awsCredentials) ([]kgo.Opt, error) {
	var useTLS, useSASL bool
	switch strings.ToUpper(s.protocol) {
	case "", "PLAINTEXT":
		if s.mechanism != "" || s.user != "" || s.jaas != "" {
			s.notes = append(s.notes, "sasl properties have no effect: security.protocol is not SASL_SSL or SASL_PLAINTEXT")
		}
	case "SSL":
		useTLS = true
	case "SASL_PLAINTEXT":
		useSASL = true
	case "SASL_SSL":
		useTLS, useSASL = true, true
	default:
		return nil, fmt.Errorf("property security.protocol: %.40q is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", s.protocol)
	}
	var out []kgo.Opt
	var problems []error
	if useTLS {
		config, err := s.tls.config()
		out, problems = append(out, kgo.DialTLSConfig(config)), append(problems, err)
	}
	if useSASL {
		mechanism, err := s.sasl(credentials)
		out, problems = append(out, kgo.SASL(mechanism)), append(problems, err)
	}
	return out, errors.Join(problems...)
}

func (t tlsSettings) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !t.verify}
	roots, err := pem(t.roots, t.rootsFile)
	if err != nil {
		return nil, err
	}
	if roots != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(roots) {
			return nil, errors.New("no certificate in PEM among the roots (ssl.ca.location, ssl.truststore.location): stores of Java's have to be converted")
		}
	}
	if t.verify && !t.hostNames {
		config.InsecureSkipVerify = true
		config.VerifyConnection = anyName(config.RootCAs)
	}
	if t.pairFile != "" {
		t.chainFile, t.keyFile = t.pairFile, t.pairFile
	}
	chain, errChain := pem(t.chain, t.chainFile)
	key, errKey := pem(t.key, t.keyFile)
	if err := errors.Join(errChain, errKey); err != nil {
		return nil, err
	}
	switch {
	case chain == nil && key == nil:
		return config, nil
	case chain == nil || key == nil:
		return nil, errors.New("a client certificate takes both a certificate (ssl.certificate.*, ssl.keystore.*) and a key (ssl.key.*)")
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("the client's certificate and key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// anyName verifies a broker's chain, but not whom it names: what
// ssl.endpoint.identification.algorithm=none asks for.
func anyName(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}

// pem returns a text, or that of a file; nil if neither is given.
func pem(text, file string) ([]byte, error) {
	if text != "" {
		// Variables carry line breaks as \n.
		return []byte(strings.ReplaceAll(text, `\n`, "\n")), nil
	}
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxPEM:
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxPEM)
	}
	return content, nil
}

// instead is what to use in place of a mechanism that is not supported.
const instead = "use SCRAM-SHA-512, SCRAM-SHA-256, PLAIN, OAUTHBEARER or AWS_MSK_IAM, " +
	"or client certificates with security.protocol=SSL"

// sasl makes the mechanism. User and password are those of sasl.jaas.config
// where it is given and sasl.username is not.
func (s *settings) sasl(credentials awsCredentials) (sasl.Mechanism, error) {
	user, password := s.user, s.password
	var options map[string]string
	if s.jaas != "" {
		var err error
		if options, err = parseJAAS(s.jaas); err != nil {
			return nil, fmt.Errorf("property sasl.jaas.config: %w", err)
		}
		if user == "" {
			user, password = options["username"], options["password"]
		}
		s.oidc.fill(options)
	}
	mechanism := strings.ToUpper(s.mechanism)
	switch mechanism {
	case "AWS_MSK_IAM":
		return iam(credentials, options)
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if user == "" || password == "" {
			return nil, fmt.Errorf("sasl mechanism %s takes sasl.username and sasl.password, or both in sasl.jaas.config", mechanism)
		}
	}
	switch mechanism {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return s.oidc.mechanism()
	case "":
		return nil, errors.New("security.protocol asks for sasl and sasl.mechanism is missing: " +
			"Java's and librdkafka's clients mean GSSAPI (Kerberos) by that, which is not supported; " + instead)
	case "GSSAPI":
		return nil, errors.New("sasl mechanism GSSAPI (Kerberos) is not supported; " + instead)
	}
	return nil, fmt.Errorf("sasl mechanism %.40q is not supported; %s", s.mechanism, instead)
}

// fill takes what Java's OAuthBearerLoginModule takes.
func (o *oidc) fill(options map[string]string) {
	for option, field := range map[string]*string{"clientId": &o.id, "clientSecret": &o.secret, "scope": &o.scope} {
		if *field == "" {
			*field = options[option]
		}
	}
}

// mechanism gets tokens with the grant client_credentials (RFC 6749, 4.4).
func (o oidc) mechanism() (sasl.Mechanism, error) {
	if o.endpoint == "" || o.id == "" || o.secret == "" {
		return nil, errors.New("sasl mechanism OAUTHBEARER takes sasl.oauthbearer.token.endpoint.url, .client.id and .client.secret")
	}
	extensions := map[string]string{}
	for _, pair := range split(o.extensions) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("property sasl.oauthbearer.extensions: %.40q is no name=value", pair)
		}
		extensions[name] = value
	}
	config := clientcredentials.Config{ClientID: o.id, ClientSecret: o.secret, TokenURL: o.endpoint, Scopes: strings.Fields(o.scope)}
	// The source of tokens outlives each connection, and renews what expires.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: RegistryTimeout})
	tokens := config.TokenSource(ctx)
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		token, err := tokens.Token()
		if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok { // its text repeats the whole answer
			return oauth.Auth{}, fmt.Errorf("getting a token for kafka: %s %.100s", refused.Response.Status, refused.ErrorCode)
		}
		if err != nil {
			return oauth.Auth{}, fmt.Errorf("getting a token for kafka: %w", err)
		}
		return oauth.Auth{Token: token.AccessToken, Extensions: extensions}, nil
	}), nil
}
