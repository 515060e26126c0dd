package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue/kafka"
)

// authority signs throw-away certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	text string // PEM
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key, encode("CERTIFICATE", der)}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issue makes a certificate and its key, both in PEM.
func (a authority) issue(t *testing.T, name string, addresses ...net.IP) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: addresses,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8)
}

// secureListener is the listener EXTRA of a broker.
const secureListener = `
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTRA:%s
listener.name.extra.ssl.keystore.type=PEM
listener.name.extra.ssl.keystore.location=DIR/broker.pem
listener.name.extra.ssl.truststore.type=PEM
listener.name.extra.ssl.truststore.location=DIR/roots.pem
listener.name.extra.ssl.client.auth=%s
listener.name.extra.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.extra.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="open sesame";
listener.name.extra.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.extra.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.extra.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
`

// secureWorld has a broker with a listener that asks for TLS.
func secureWorld(t *testing.T, protocol, clientAuth string, address net.IP) (*world, authority) {
	t.Helper()
	ca := newAuthority(t)
	cert, key := ca.issue(t, "broker", address)
	broker := kafkatest.Start(t, kafkatest.Options{
		Extra: fmt.Sprintf(secureListener, protocol, clientAuth),
		Users: map[string]string{"bob": "swordfish"},
		Files: map[string]string{"broker.pem": key + cert, "roots.pem": ca.text},
	})
	return newWorld(t, broker, 1), ca
}

// try makes a source with properties, checks it, and has it take a request.
func (w *world) try(t *testing.T, properties map[string]string) error {
	t.Helper()
	o, k := w.options(), &taker{}
	o.Brokers, o.Properties, o.Group = []string{w.broker.Secure}, properties, "group-"+strings.ReplaceAll(t.Name(), "/", "-")
	source, err := kafka.New(o)
	if err != nil {
		return err
	}
	if notes := source.Notes(); len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := source.Check(ctx); err != nil {
		return err
	}
	stop := w.run(source, k)
	k.await(t, "run-000")
	stop()
	return nil
}

func TestSASLAndTLS(t *testing.T) {
	w, ca := secureWorld(t, "SASL_SSL", "none", net.IPv4(127, 0, 0, 1))
	w.put("run", 1, 1)
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, []byte(ca.text), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens := tokenServer(t)
	base := map[string]string{"security.protocol": "SASL_SSL", "ssl.ca.location": file}
	jaas := func(module, user, password string) string {
		return fmt.Sprintf("org.apache.kafka.common.security.%sLoginModule required username=%q password=%q;", module, user, password)
	}
	for name, tc := range map[string]struct {
		with map[string]string
		ok   bool
	}{
		"plain":                  {map[string]string{"sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame", "client.id": "lockforge"}, true},
		"plain, librdkafka":      {map[string]string{"sasl.mechanisms": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame"}, true},
		"plain, Java":            {map[string]string{"sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas("plain.Plain", "alice", "open sesame")}, true},
		"scram 256":              {map[string]string{"sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "bob", "sasl.password": "swordfish"}, true},
		"scram 512, Java":        {map[string]string{"sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": jaas("scram.Scram", "bob", "swordfish")}, true},
		"oidc":                   {map[string]string{"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": tokens, "sasl.oauthbearer.client.id": "us", "sasl.oauthbearer.client.secret": "s3cret", "sasl.oauthbearer.scope": "a b"}, true},
		"roots as text":          {map[string]string{"ssl.ca.location": "", "ssl.ca.pem": strings.ReplaceAll(ca.text, "\n", `\n`), "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame"}, true},
		"roots, Java":            {map[string]string{"ssl.ca.location": "", "ssl.truststore.type": "PEM", "ssl.truststore.location": file, "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame"}, true},
		"no verification":        {map[string]string{"ssl.ca.location": "", "enable.ssl.certificate.verification": "false", "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame"}, true},
		"a wrong password":       {map[string]string{"sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "wrong"}, false},
		"a wrong scram password": {map[string]string{"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "bob", "sasl.password": "wrong"}, false},
		"a wrong client secret":  {map[string]string{"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url": tokens, "sasl.oauthbearer.client.id": "us", "sasl.oauthbearer.client.secret": "wrong"}, false},
		"unknown roots":          {map[string]string{"ssl.ca.location": "", "ssl.ca.pem": newAuthority(t).text, "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame"}, false},
		"no TLS":                 {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "alice", "sasl.password": "open sesame"}, false},
		"no SASL":                {map[string]string{"security.protocol": "SSL"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			properties := maps.Clone(base)
			maps.Copy(properties, tc.with)
			maps.DeleteFunc(properties, func(_, v string) bool { return v == "" })
			err := w.try(t, properties)
			if (err == nil) != tc.ok {
				t.Errorf("error %v", err)
			}
			if err != nil {
				t.Log(err)
				for _, secret := range []string{"open sesame", "swordfish", "wrong", "s3cret"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error shows %q", secret)
					}
				}
			}
		})
	}
	if text := w.notes.String(); strings.Contains(text, "open sesame") || strings.Contains(text, "swordfish") {
		t.Errorf("the log shows a password:\n%s", text)
	}
}

func TestClientCertificates(t *testing.T) {
	w, ca := secureWorld(t, "SSL", "required", net.IPv4(127, 0, 0, 9)) // it names somebody else
	w.put("run", 1, 1)
	cert, key := ca.issue(t, "client")
	pair := filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(pair, []byte(key+cert), 0o600); err != nil {
		t.Fatal(err)
	}
	base := map[string]string{"security.protocol": "ssl", "ssl.ca.pem": ca.text, "ssl.endpoint.identification.algorithm": "none"}
	for name, tc := range map[string]struct {
		with map[string]string
		ok   bool
	}{
		"texts":                   {map[string]string{"ssl.certificate.pem": cert, "ssl.key.pem": key}, true},
		"texts, Java":             {map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": cert, "ssl.keystore.key": key}, true},
		"a file, Java":            {map[string]string{"ssl.keystore.type": "pem", "ssl.keystore.location": pair}, true},
		"files":                   {map[string]string{"ssl.certificate.location": pair, "ssl.key.location": pair}, true},
		"none":                    {nil, false},
		"a broker of other names": {map[string]string{"ssl.certificate.pem": cert, "ssl.key.pem": key, "ssl.endpoint.identification.algorithm": "https"}, false},
		"unknown roots, no names": {map[string]string{"ssl.certificate.pem": cert, "ssl.key.pem": key, "ssl.ca.pem": newAuthority(t).text}, false},
	} {
		t.Run(name, func(t *testing.T) {
			properties := maps.Clone(base)
			maps.Copy(properties, tc.with)
			if err := w.try(t, properties); (err == nil) != tc.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

// tokenServer gives unsigned tokens (RFC 7515, appendix A.5), which a broker
// takes whose listener asks for no better ones.
func tokenServer(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "us" || secret != "s3cret" || r.FormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims := fmt.Sprintf(`{"sub":"us","iat":%d,"exp":%d,"scope":"a b"}`, time.Now().Unix()-1, time.Now().Unix()+600)
		token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 600})
	}))
	t.Cleanup(server.Close)
	return server.URL
}
