package msk_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/queue/kafka/msk"
)

// isolate keeps this machine's own AWS settings out.
func isolate(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	} {
		t.Setenv(name, value)
	}
}

// TestCredentialsOfAContainerAreRenewed asks as a task of ECS or a pod with
// EKS's identity does: an address gives credentials with an end.
func TestCredentialsOfAContainerAreRenewed(t *testing.T) {
	isolate(t)
	var asked atomic.Int32
	var life atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		end := time.Now().Add(time.Duration(life.Load())).UTC().Format(time.RFC3339)
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":"AKID%d","SecretAccessKey":"secret%d","Token":"token%d","Expiration":%q}`, n, n, n, end)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL)
	chain := new(msk.Chain)
	for _, step := range []struct {
		life time.Duration
		want string
	}{{0, "AKID1 secret1 token1"}, {time.Hour, "AKID2 secret2 token2"}, {time.Hour, "AKID2 secret2 token2"}} {
		life.Store(int64(step.life))
		access, secret, token, err := chain.Credentials(t.Context())
		if got := strings.Join([]string{access, secret, token}, " "); err != nil || got != step.want {
			t.Errorf("%s, %v; want %s", got, err, step.want)
		}
	}
}

func TestNobodyHasCredentials(t *testing.T) {
	isolate(t)
	_, _, _, err := new(msk.Chain).Credentials(t.Context())
	if err == nil || !strings.Contains(err.Error(), "getting AWS credentials") {
		t.Errorf("error %v", err)
	}
}
