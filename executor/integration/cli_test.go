package integration_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// act is what a recipe tells the CLI of the fault tests to do: the config of
// its source.
type act struct {
	Evidence string `json:"evidence"` // directory for what the test is to know
	MS       int    `json:"ms,omitempty"`
	Exit     int    `json:"exit,omitempty"`
	// Flood is how many bytes are printed, in lines and in one that has no end.
	Flood int `json:"flood,omitempty"`
	// Detach leaves a process in a session of its own, which holds the output.
	Detach bool `json:"detach,omitempty"`
	// Stubborn ignores SIGTERM.
	Stubborn bool `json:"stubborn,omitempty"`
	// Password is what a real source would connect with: "${DB_PASSWORD}".
	// The CLI gives it away in every way that it can think of.
	Password string `json:"password,omitempty"`
	// Other is one more secret that a real source would need; nobody looks at it.
	Other string `json:"other,omitempty"`
	// Report says what the structured report is instead of one: "fifo",
	// "huge", "garbage", or "link:" and where to.
	Report string `json:"report,omitempty"`
}

// cliMain is the CLI of the fault tests. It reads what the real one reads.
func cliMain(args []string) int {
	if len(args) > 0 && args[0] == "linger" {
		time.Sleep(time.Minute)
		return 0
	}
	a, id, err := readAct(os.Stdin)
	if err == nil {
		err = leave(a, id)
	}
	if err != nil {
		fmt.Println("the CLI of the tests:", err)
		return 99
	}
	if a.Stubborn {
		signal.Ignore(syscall.SIGTERM)
	}
	if a.Detach {
		cmd := exec.Command(os.Args[0], "-I", "linger")
		cmd.Stdout, cmd.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			fmt.Println("detaching:", err)
			return 98
		}
	}
	fmt.Println("ingesting", id)
	flood(a.Flood)
	betray(a.Password, args)
	if err := misreport(a.Report, args); err != nil {
		fmt.Println("misreporting:", err)
		return 97
	}
	time.Sleep(time.Duration(a.MS) * time.Millisecond)
	return a.Exit
}

func readAct(r io.Reader) (a act, id string, err error) {
	var envelope struct {
		Recipe  string            `json:"__recipe_yaml__"`
		Secrets map[string]string `json:"__secrets__"`
	}
	if err := json.NewDecoder(r).Decode(&envelope); err != nil {
		return act{}, "", err
	}
	var recipe struct {
		RunID  string `json:"run_id"`
		Source struct {
			Config act `json:"config"`
		} `json:"source"`
	}
	if err := json.Unmarshal([]byte(envelope.Recipe), &recipe); err != nil {
		return act{}, "", err
	}
	a = recipe.Source.Config
	if name := strings.Trim(a.Password, "${}"); name != "" {
		if a.Password = envelope.Secrets[name]; a.Password == "" {
			return act{}, "", fmt.Errorf("no value for %s", name)
		}
	}
	return a, recipe.RunID, nil
}

// leave writes a line for this start, in one piece, and a digest of the
// password that it was given.
func leave(a act, id string) error {
	if a.Password != "" {
		if err := os.WriteFile(filepath.Join(a.Evidence, "password-"+id), digest(a.Password), 0o600); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(a.Evidence, "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %d\n", id, os.Getpid())
	return err
}

func digest(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return []byte(hex.EncodeToString(sum[:]))
}

func flood(size int) {
	line := bytes.Repeat([]byte("2026-01-01 some line of a log that says nothing \xff\x00\x1b[31m\r\n"), 1000)
	for printed := 0; printed < size/2; printed += len(line) {
		_, _ = os.Stdout.Write(line)
	}
	endless := bytes.Repeat([]byte("x"), 64<<10)
	for printed := 0; printed < size/2; printed += len(endless) {
		_, _ = os.Stderr.Write(endless)
	}
}

// betray prints a password in forms that real connectors print, in pieces, and
// puts it into the report.
func betray(password string, args []string) {
	if password == "" {
		return
	}
	quoted, _ := json.Marshal(password)
	forms := []string{
		password, string(quoted), fmt.Sprintf("%q", password), url.QueryEscape(password), url.PathEscape(password),
		base64.StdEncoding.EncodeToString([]byte("user:" + password)), hex.EncodeToString([]byte(password)), strings.ToUpper(password),
	}
	for _, form := range forms {
		fmt.Println("cannot connect with", form)
		for _, b := range []byte("again: " + form + "\n") { // one write each
			_, _ = os.Stderr.Write([]byte{b})
		}
	}
	if path := reportPath(args); path != "" {
		report, _ := json.Marshal(map[string]any{"source": map[string]any{"failures": forms, password: 1}})
		_ = os.WriteFile(path, report, 0o600)
	}
}

// reportPath is where the executor wants the structured report.
func reportPath(args []string) string {
	if i := slices.Index(args, "--report-to"); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// misreport leaves something at the place of the report that is none.
func misreport(kind string, args []string) error {
	path := reportPath(args)
	if target, ok := strings.CutPrefix(kind, "link:"); ok {
		return os.Symlink(target, path)
	}
	switch kind {
	case "fifo":
		return syscall.Mkfifo(path, 0o600)
	case "huge":
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(`{"source": {"failures": [`)
		for line := bytes.Repeat([]byte(`"a failure that has little to say about itself",`), 20_000); err == nil; {
			if _, err = f.Write(line); err == nil {
				if at, _ := f.Seek(0, io.SeekCurrent); at > hugeReport {
					_, err = f.WriteString(`"the last"]}}`)
					return err
				}
			}
		}
		return err
	case "garbage":
		return os.WriteFile(path, bytes.Repeat([]byte("[{"), 500_000), 0o600)
	}
	return nil
}

// hugeReport is more than a server takes, in bytes.
const hugeReport = 200 << 20
