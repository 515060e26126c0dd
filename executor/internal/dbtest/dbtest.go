// Package dbtest starts real database servers for tests: MySQL (MariaDB) and
// PostgreSQL from Debian's packages, through scripts/databases.sh.
package dbtest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// Kinds of servers: also the names of DataHub's sources for them.
const (
	MySQL    = "mysql"
	Postgres = "postgres"
)

const (
	// startTime bounds the setup of a server, on a busy machine.
	startTime = 2 * time.Minute
	// stopTime bounds its orderly end.
	stopTime = 20 * time.Second
)

// Server is a running server with a database "shop", which its user owns, and
// in it a table "orders" (id, customer, amount, changed) of three rows: the
// amounts are 10.50, 20.25 and 0, the last customer is NULL.
type Server struct {
	Kind     string
	Port     int
	Database string
	User     string
	Password string // made for this server
}

// HostPort returns the server's address, as recipes have it.
func (s Server) HostPort() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// Start starts a server that ends with the test, or with this process. It
// leaves the test where the machine has no such server.
func Start(t testing.TB, kind string) Server {
	t.Helper()
	// Not t.TempDir: the path of a Unix socket has 107 bytes at most, and the
	// server's user must be able to get there.
	dir, err := os.MkdirTemp("", "dbtest-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := Server{Kind: kind, Port: testenv.Ports(t, 1), Database: "shop", User: "shop", Password: "pw-" + rand.Text()}
	cmd := exec.Command(filepath.Join(testenv.ModuleRoot(t), "scripts", "databases.sh"), "run", kind, filepath.Join(dir, "d"), fmt.Sprint(s.Port))
	cmd.Env = append(os.Environ(), "DATABASE_PASSWORD="+s.Password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	end := map[string]syscall.Signal{MySQL: syscall.SIGTERM, Postgres: syscall.SIGINT}[kind]
	p := launch(cmd, end)
	t.Cleanup(p.stop)
	if err := p.untilListening(s.HostPort()); err != nil {
		if strings.Contains(err.Error(), "is missing: run") {
			testenv.Missing(t, "%v", err)
		}
		t.Fatalf("starting %s: %v", kind, err)
	}
	return s
}

// process is a server that was started.
type process struct {
	cmd   *exec.Cmd
	end   syscall.Signal // ends it without waiting for clients
	out   bytes.Buffer
	begun chan error    // gets the error of the start
	ended chan struct{} // is closed at its end
}

// launch starts cmd from a thread that lives as long as it does: the signal at
// the parent's death is that of the thread.
func launch(cmd *exec.Cmd, end syscall.Signal) *process {
	p := &process{cmd: cmd, end: end, begun: make(chan error, 1), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		p.begun <- err
		if err == nil {
			_ = cmd.Wait() // what it wrote says why it ended
		}
	}()
	return p
}

// untilListening waits for the end of the setup, after which the server listens.
func (p *process) untilListening(address string) error {
	if err := <-p.begun; err != nil {
		return err
	}
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended: %s", p.out.String())
		default:
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("no answer within %s", startTime)
}

// stop ends the server, and kills what does not end.
func (p *process) stop() {
	if p.cmd.Process == nil {
		return
	}
	_ = syscall.Kill(p.cmd.Process.Pid, p.end)
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}
