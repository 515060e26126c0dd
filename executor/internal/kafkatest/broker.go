package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/internal/testenv"
)

// startLimit bounds how long a broker may take to serve; on a quiet machine it
// takes three seconds.
const startLimit = 90 * time.Second

// Options are for brokers with more than a plain listener.
type Options struct {
	// Extra is appended to the broker's settings. It has to map the listener
	// EXTRA, and PLAIN and CONTROLLER too (listener.security.protocol.map);
	// "DIR" in it stands for the broker's folder.
	Extra string
	// Users are the passwords of SCRAM users.
	Users map[string]string
	// Files are put into the broker's folder: certificates and the like.
	Files map[string]string
}

// Broker is a running broker. It ends with the test.
type Broker struct {
	// Address is that of the plain listener, Secure that of the listener
	// EXTRA; both "127.0.0.1:port".
	Address, Secure string

	dir, script string
	port        int
	release     func() // the ports
	process     *exec.Cmd
}

// Start starts a broker of the test's own.
func Start(t testing.TB, o Options) *Broker {
	t.Helper()
	b := prepare(t, t.TempDir(), o)
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	return b
}

// shared is the broker of Shared.
var shared struct {
	sync.Mutex
	broker *Broker
	dir    string
}

// Shared returns a plain broker that all tests of the process use, each with
// topics of its own. The tests' TestMain calls Main.
func Shared(t testing.TB) *Broker {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.broker != nil {
		return shared.broker
	}
	var err error
	if shared.dir, err = os.MkdirTemp("", "kafkatest"); err != nil {
		t.Fatal(err)
	}
	b := prepare(t, shared.dir, Options{})
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	shared.broker = b
	return b
}

// Main runs the tests and ends the broker of Shared.
func Main(m *testing.M) int {
	defer func() {
		if shared.broker != nil {
			shared.broker.close()
		}
		_ = os.RemoveAll(shared.dir)
	}()
	return m.Run()
}

func prepare(t testing.TB, dir string, o Options) *Broker {
	t.Helper()
	root := testenv.ModuleRoot(t)
	jars := os.Getenv("LOCKFORGE_KAFKA")
	if jars == "" {
		jars = filepath.Join(root, ".tools", "kafka")
	}
	if found, _ := filepath.Glob(filepath.Join(jars, "kafka_*.jar")); len(found) == 0 {
		testenv.Missing(t, "no Kafka broker: run scripts/kafka.sh fetch")
	}
	if _, err := exec.LookPath("java"); err != nil {
		testenv.Missing(t, "no Kafka broker: java is not installed")
	}
	port, release, err := testenv.HoldPorts(3)
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{dir: dir, script: filepath.Join(root, "scripts", "kafka.sh"), port: port, release: release}
	b.Address, b.Secure = fmt.Sprintf("127.0.0.1:%d", b.port), fmt.Sprintf("127.0.0.1:%d", b.port+2)
	files := map[string]string{}
	for name, content := range o.Files {
		files[name] = content
	}
	if o.Extra != "" {
		files["extra.properties"] = strings.ReplaceAll(o.Extra, "DIR", dir)
	}
	for user, password := range o.Users {
		files["scram"] += fmt.Sprintf("name=%s,password=%s\n", user, password)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// Kill ends the broker at once, as a crash does. What it had acknowledged is
// in its files.
func (b *Broker) Kill() { b.end(syscall.SIGKILL) }

// close ends the broker for good.
func (b *Broker) close() {
	b.Kill()
	b.release()
}

// Stop ends the broker in order.
func (b *Broker) Stop() { b.end(syscall.SIGTERM) }

func (b *Broker) end(signal syscall.Signal) {
	if b.process == nil {
		return
	}
	_ = b.process.Process.Signal(signal)
	_ = b.process.Wait()
	b.process = nil
}

// Restart starts a broker that was ended, with the same address and files.
func (b *Broker) Restart() error {
	if b.process != nil {
		return nil
	}
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// The script becomes the broker, so its process is the broker's.
	b.process = exec.Command(b.script, "run", b.dir, fmt.Sprint(b.port))
	b.process.Stdout, b.process.Stderr = log, log
	b.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.process.Start(); err != nil {
		return err
	}
	return b.await()
}

// await waits until the broker answers.
func (b *Broker) await() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		return err
	}
	defer client.Close()
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = client.Ping(ctx)
		cancel()
		if err == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(b.dir, "log"))
	return fmt.Errorf("the broker does not serve: %w\n%s", err, text)
}
