package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// begin runs the program until the test ends and returns its address.
func begin(t *testing.T, args ...string) (url string) {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, w)
		_ = w.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// call makes a request and returns the answer.
func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

func TestScriptsControlTheServer(t *testing.T) {
	dir := t.TempDir()
	address, journal := filepath.Join(dir, "address"), filepath.Join(dir, "journal")
	url := begin(t, "-wheel", "", "-address-file", address, "-journal", journal, "-base", "/gms")
	for i, step := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", "/gmstest/results/r", "", 404, ""},
		{"PUT", "/gmstest/requests/r", `{"executorId":"remote"}`, 200, ""},
		{"PUT", "/gmstest/requests/r", `[`, 400, ""},
		{"GET", "/gmstest/aspects/urn:li:dataHubExecutionRequest:r/dataHubExecutionRequestInput", "", 200, `"executorId":"remote"`},
		{"PUT", "/gmstest/signals/r?pool=remote", "KILL", 200, ""},
		{"GET", "/gmstest/aspects/urn:li:dataHubExecutionRequest:r/dataHubExecutionRequestSignal", "", 200, `"signal":"KILL"`},
		{"PUT", "/gmstest/aspects/urn:li:dataHubExecutionRequest:r/dataHubExecutionRequestResult", `{"status":"RUNNING"}`, 200, ""},
		{"GET", "/gmstest/results/r", "", 200, `{"status":"RUNNING"}`},
		{"GET", "/gmstest/history/r", "", 200, `[{"status":"RUNNING"}]`},
		{"PUT", "/gmstest/secrets/A", "value", 200, ""},
		{"POST", "/gms/api/graphql", `{"query":"{getSecretValues}","variables":{"input":{"secrets":["A"]}}}`, 200, `"value":"value"`},
		{"PUT", "/gmstest/guard", "true", 200, ""},
		{"POST", "/gms/api/graphql", `{"query":"{getSecretValues}","variables":{"input":{"secrets":["A"]}}}`, 200, `"errors"`},
		{"PUT", "/gmstest/staleness", "soon", 400, ""},
		{"PUT", "/gmstest/staleness", "1h", 200, ""},
		{"POST", "/gms/api/graphql", `{"query":"{listExecutionRequests}","variables":{"input":{}}}`, 200, `"total":0`},
		{"POST", "/gmstest/faults", `{"Status":503}`, 200, ""},
		{"GET", "/gms/config", "", 503, ""},
		{"DELETE", "/gmstest/faults", "", 200, ""},
		{"GET", "/gms/config", "", 200, "noCode"},
		{"POST", "/gms/aspects?action=ingestProposal", `{}`, 400, ""},
		{"GET", "/gmstest/problems", "", 200, "proposal is required"},
		{"GET", "/gmstest/exchanges", "", 200, "/gms/config"},
	} {
		status, text := call(t, step.method, url+step.path, step.body)
		if status != step.status || !strings.Contains(text, step.has) {
			t.Errorf("step %d, %s %s: status %d: %s", i, step.method, step.path, status, text)
		}
	}
	text, err := os.ReadFile(address)
	if err != nil || "http://"+strings.TrimSpace(string(text)) != url {
		t.Errorf("address file: %q, %v", text, err)
	}
	if text, err = os.ReadFile(journal); err != nil || !strings.Contains(string(text), `"path":"/gms/config"`) {
		t.Errorf("journal: %q, %v", text, err)
	}
}

func TestRefusesFlags(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for _, args := range [][]string{
		{"-kafka", "127.0.0.1:9", "-wheel", ""},
		{"-wheel", filepath.Join(t.TempDir(), "none.whl")},
		{"-listen", "nowhere"},
		{"-journal", t.TempDir(), "-wheel", ""},
		{"-unknown"},
	} {
		if err := run(ctx, args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
