// Package awstest gives tests AWS's Secrets Manager as moto serves it: a real
// server that the real SDK talks to.
package awstest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/lockforge/lockforge/internal/testenv"
)

// Region is where the tests' secrets are.
const Region = "eu-central-1"

// shared is the server of URL.
var shared struct {
	once sync.Once
	url  string
	stop func()
	err  error
}

// URL is that of moto's server, one for all tests of the process. The tests'
// TestMain calls Stop.
func URL(t testing.TB) string {
	t.Helper()
	program := os.Getenv("LOCKFORGE_MOTO")
	if program == "" {
		var err error
		if program, err = exec.LookPath("moto_server"); err != nil {
			program = filepath.Join(testenv.ModuleRoot(t), ".tools", "bin", "moto_server")
		}
	}
	if _, err := os.Stat(program); err != nil {
		testenv.Missing(t, "no moto_server: run scripts/moto.sh, or name one in LOCKFORGE_MOTO")
	}
	shared.once.Do(func() { shared.url, shared.stop, shared.err = start(program) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.url
}

// Stop ends the server of URL.
func Stop() {
	if shared.stop != nil {
		shared.stop()
	}
}

// start runs the server on a port of its choice. It ends with stop, or with
// this process: the kernel ends it with the thread that started it, which is
// kept for that.
func start(program string) (address string, stop func(), err error) {
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

// Client is one that may do everything, at an endpoint that leads to the server.
func Client(endpoint string) *secretsmanager.Client {
	who := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
	})
	return secretsmanager.NewFromConfig(aws.Config{Region: Region, Credentials: who}, func(o *secretsmanager.Options) { o.BaseEndpoint = &endpoint })
}

// Text is a secret.
func Text(name, value string) *secretsmanager.CreateSecretInput {
	return &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value}
}

// Create puts secrets into the service, and takes them out with the test.
func Create(t testing.TB, endpoint string, inputs ...*secretsmanager.CreateSecretInput) *secretsmanager.Client {
	t.Helper()
	client := Client(endpoint)
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
