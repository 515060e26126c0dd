package awssm_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/awstest"
	"github.com/lockforge/lockforge/executor/secret/awssm"
)

// value must never be in an error.
const value = "hunter22-Passw0rd"

func TestMain(m *testing.M) {
	code := m.Run()
	awstest.Stop()
	os.Exit(code)
}

// as lets the SDK find these credentials and nothing else.
func as(t *testing.T, id, key string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": key, "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": t.TempDir() + "/none", "AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/none",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "", "AWS_PROFILE": "", "HTTP_PROXY": "", "HTTPS_PROXY": "",
	} {
		t.Setenv(name, value)
	}
}

func open(t *testing.T, o awssm.Options) *awssm.Store {
	t.Helper()
	if o.Region == "" {
		o.Region = awstest.Region
	}
	if o.TTL == 0 {
		o.TTL = time.Nanosecond
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = time.Millisecond
	}
	store, err := awssm.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// iam calls AWS's query API, which moto routes by the service that the
// signature names, and returns the answer's text.
func iam(t *testing.T, endpoint, action string, parameters url.Values) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for name, value := range parameters {
		form[name] = value
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	return do(t, request)
}

// authorize makes moto check signatures and policies from now on, to the end
// of the test.
func authorize(t *testing.T, endpoint string) {
	t.Helper()
	after := func(count string) {
		request, err := http.NewRequest(http.MethodPost, endpoint+"/moto-api/reset-auth", strings.NewReader(count))
		if err != nil {
			t.Fatal(err)
		}
		do(t, request)
	}
	after("0")
	t.Cleanup(func() { after("inf") })
}

func do(t *testing.T, request *http.Request) string {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d, %v: %s", request.Method, request.URL.Path, response.StatusCode, err, body)
	}
	return string(body)
}
