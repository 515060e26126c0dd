package integration_test

import (
	"bytes"
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
}

// cliMain is the CLI of the fault tests. It reads what the real one reads.
func cliMain(args []string) int {
	if len(args) > 0 && args[0] == "linger" {
		time.Sleep(time.Minute)
		return 0
	}
	a, id, err := readAct(os.Stdin)
	if err == nil {
		err = leave(a.Evidence, id)
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

// leave writes a line for this start, in one piece.
func leave(dir, id string) error {
	f, err := os.OpenFile(filepath.Join(dir, "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %d\n", id, os.Getpid())
	return err
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
	for i, arg := range args {
		if arg == "--report-to" && i+1 < len(args) {
			report, _ := json.Marshal(map[string]any{"source": map[string]any{"failures": forms, password: 1}})
			_ = os.WriteFile(args[i+1], report, 0o600)
		}
	}
}
