package dynamic

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

// TestRelay has the payload's relay carry what the index answers, in both
// directions and more than fits into a pipe.
func TestRelay(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		testenv.Missing(t, "no python3 on this machine: %v", err)
	}
	dir, err := os.MkdirTemp("", "relay-") // short, for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, strings.ToUpper(string(body)))
	}))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	defer server.Close()

	cmd := exec.Command(python, "-I", "-B", "-c", `
import sys, urllib.request
sys.path.insert(0, "payload")
import relay
port = int(sys.argv[2])
relay.start(sys.argv[1], port)
for size in (0, 1, 1 << 20, 3):
    with urllib.request.urlopen("http://127.0.0.1:%d/" % port, b"x" * size, timeout=20) as r:
        assert r.read() == b"X" * size, size
`, socket, strconv.Itoa(testenv.Ports(t, 1)))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "no_proxy=*"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
