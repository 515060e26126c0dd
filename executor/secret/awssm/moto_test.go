package awssm_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/lockforge/lockforge/executor/secret/awssm"
	"github.com/lockforge/lockforge/internal/testenv"
)

const region = "eu-central-1"

// value must never be in an error.
const value = "hunter22-Passw0rd"

var moto struct {
	once sync.Once
	url  string
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if moto.stop != nil {
		moto.stop()
	}
	os.Exit(code)
}

// service is the URL of moto's server, one for all tests.
func service(t *testing.T) string {
	t.Helper()
	program := os.Getenv("LOCKFORGE_MOTO")
	if program == "" {
		var err error
		if program, err = exec.LookPath("moto_server"); err != nil {
			program = "../../../.tools/bin/moto_server"
		}
	}
	if _, err := os.Stat(program); err != nil {
		testenv.Missing(t, "no moto_server: run scripts/moto.sh, or name one in LOCKFORGE_MOTO")
	}
	moto.once.Do(func() { moto.url, moto.stop, moto.err = startMoto(program) })
	if moto.err != nil {
		t.Fatal(moto.err)
	}
	return moto.url
}

// startMoto runs the server on a port of its choice. It ends with stop, or with
// this process: the kernel ends it with the thread that started it, which is
// kept for that.
func startMoto(program string) (address string, stop func(), err error) {
	out, in, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-H", "127.0.0.1", "-p", "0")
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		err := cmd.Start()
		in.Close()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	stop = func() { cancel(); <-ended; out.Close() }
	if err := <-started; err != nil {
		stop()
		return "", nil, err
	}
	startUp := time.AfterFunc(30*time.Second, cancel)
	running := regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := running.FindStringSubmatch(lines.Text()); found != nil {
			startUp.Stop()
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return found[1], stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("%s ended without saying where it listens", program)
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
		o.Region = region
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

// create puts secrets into the service, and takes them out with the test.
func create(t *testing.T, endpoint string, inputs ...*secretsmanager.CreateSecretInput) *secretsmanager.Client {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region))
	if err != nil {
		t.Fatal(err)
	}
	client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = &endpoint })
	for _, input := range inputs {
		if _, err := client.CreateSecret(t.Context(), input); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			now := true
			_, _ = client.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{SecretId: input.Name, ForceDeleteWithoutRecovery: &now})
		})
	}
	return client
}

func text(name, value string) *secretsmanager.CreateSecretInput {
	return &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value}
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
