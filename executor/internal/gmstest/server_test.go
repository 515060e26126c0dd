package gmstest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/internal/testenv"
)

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// wheel is that of acryl-datahub, whose schemas are the real ones.
func wheel(t testing.TB) string {
	t.Helper()
	path := os.Getenv("LOCKFORGE_CLI_WHEEL")
	if path == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL does not name a wheel of acryl-datahub")
	}
	return path
}

// The fixtures have the shape of what upstream's executor has been seen to send.
func TestTakesWhatUpstreamSends(t *testing.T) {
	files, err := filepath.Glob("testdata/upstream/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, o := range []gmstest.Options{{}, {Wheel: os.Getenv("LOCKFORGE_CLI_WHEEL")}} {
		server := gmstest.Start(t, o)
		server.SetSecret("DB_PASS", "test value")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var exchange struct {
				Path           string
				Status         int
				Body, Response json.RawMessage
			}
			if err := json.Unmarshal(text, &exchange); err != nil {
				t.Fatal(err)
			}
			status, answer := post(t, server.URL()+exchange.Path, string(exchange.Body))
			if status != exchange.Status {
				t.Errorf("%s: status %d, not %d: %s", file, status, exchange.Status, answer)
			}
			if exchange.Response == nil {
				continue
			}
			if diff := cmp.Diff(decode(t, exchange.Response), decode(t, []byte(answer))); diff != "" {
				t.Errorf("%s: answer (-want +got):\n%s", file, diff)
			}
		}
		result := server.WaitStatus(t, "11111111-2222-3333-4444-555555555555", time.Second, "SUCCESS")
		if result.DurationMS != 2000 || !strings.Contains(result.Report, "✅") || result.StructuredReport == nil {
			t.Errorf("result = %+v", result)
		}
	}
}

func decode(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// propose sends a result with the value, inside of a proposal that may be
// changed.
func propose(t *testing.T, server *gmstest.Running, value string, change func(proposal map[string]any)) (int, string) {
	t.Helper()
	proposal := map[string]any{
		"entityType": "dataHubExecutionRequest", "entityUrn": gmstest.URN("r"), "changeType": "UPSERT",
		"aspectName": "dataHubExecutionRequestResult",
		"aspect":     map[string]any{"value": value, "contentType": "application/json"},
	}
	if change != nil {
		change(proposal)
	}
	body, err := json.Marshal(map[string]any{"proposal": proposal, "async": "false"})
	if err != nil {
		t.Fatal(err)
	}
	return post(t, server.URL()+"/aspects?action=ingestProposal", string(body))
}

func TestRefusesWhatGMSWould(t *testing.T) {
	values := map[string]string{
		"unknown field":       `{"status":"RUNNING","executorInstanceId":"x"}`,
		"no status":           `{"report":"x"}`,
		"number as text":      `{"status":"RUNNING","startTimeMs":"1"}`,
		"text as number":      `{"status":5}`,
		"fraction":            `{"status":"RUNNING","startTimeMs":1.5}`,
		"half a report":       `{"status":"RUNNING","structuredReport":{"type":"RUN_INGEST"}}`,
		"not JSON":            `{"status":`,
		"two values":          `{"status":"RUNNING"}{}`,
		"not an object":       `"RUNNING"`,
		"more than a long":    `{"status":"RUNNING","startTimeMs":99999999999999999999}`,
		"null for a required": `{"status":null}`,
	}
	changes := map[string]func(map[string]any){
		"unknown field of the proposal": func(p map[string]any) { p["colour"] = "red" },
		"unknown change":                func(p map[string]any) { p["changeType"] = "MAYBE" },
		"urn of another type":           func(p map[string]any) { p["entityUrn"] = "urn:li:dataset:x" },
		"no address":                    func(p map[string]any) { delete(p, "entityUrn") },
		"no aspect":                     func(p map[string]any) { delete(p, "aspect") },
		"aspect of another entity":      func(p map[string]any) { p["entityType"], p["entityUrn"] = "dataset", "urn:li:dataset:x" },
		"content type": func(p map[string]any) {
			p["aspect"] = map[string]any{"value": `{"status":"RUNNING"}`, "contentType": "text/plain"}
		},
		"unknown metadata": func(p map[string]any) { p["systemMetadata"] = map[string]any{"colour": "red"} },
		"metadata's type":  func(p map[string]any) { p["systemMetadata"] = map[string]any{"lastObserved": "now"} },
	}
	for _, with := range []bool{false, true} {
		t.Run(fmt.Sprintf("wheel=%t", with), func(t *testing.T) {
			o := gmstest.Options{}
			if with {
				o.Wheel = wheel(t)
			} else {
				t.Setenv("LOCKFORGE_CLI_WHEEL", "")
			}
			server := gmstest.Start(t, o)
			for name, value := range values {
				if !with && name == "half a report" {
					continue // takes the schemas
				}
				if status, answer := propose(t, server, value, nil); status != 400 && status != 422 {
					t.Errorf("%s: status %d: %s", name, status, answer)
				}
			}
			for name, change := range changes {
				if status, answer := propose(t, server, `{"status":"RUNNING"}`, change); status != 400 && status != 422 {
					t.Errorf("%s: status %d: %s", name, status, answer)
				}
			}
			if len(server.Problems()) < len(changes) {
				t.Errorf("%d problems", len(server.Problems()))
			}
			server.Forgive()
			if _, stored := server.Result("r"); stored {
				t.Error("something is stored")
			}
		})
	}
}

// Writes of a run that is over are no mistake of the writer's: they race.
func TestFinalStatesStay(t *testing.T) {
	for status, final := range map[string]bool{
		"SUCCESS": true, "CANCELLED": true, "ABORTED": true, "DUPLICATE": true, "FAILURE": false, "TIMEOUT": false, "RUNNING": false,
	} {
		server := gmstest.Start(t, gmstest.Options{})
		server.SetResult("r", map[string]any{"status": status})
		code, answer := propose(t, server, `{"status":"SUCCESS"}`, nil)
		if want := map[bool]int{true: 422, false: 200}[final]; code != want {
			t.Errorf("after %s: status %d: %s", status, code, answer)
		}
	}
}

// All proposals of a batch are stored, or none.
func TestBatches(t *testing.T) {
	server := gmstest.Start(t, gmstest.Options{})
	server.SetResult("over", map[string]any{"status": "SUCCESS"})
	one := func(id string) string {
		return `{"entityType":"dataHubExecutionRequest","entityUrn":"` + gmstest.URN(id) + `","changeType":"UPSERT",` +
			`"aspectName":"dataHubExecutionRequestResult","aspect":{"value":"{\"status\":\"RUNNING\"}","contentType":"application/json"}}`
	}
	for _, tc := range []struct {
		ids  []string
		want int
	}{{[]string{"a", "over"}, 422}, {[]string{"b", "c"}, 200}} {
		body := `{"proposals":[` + one(tc.ids[0]) + `,` + one(tc.ids[1]) + `],"async":"true"}`
		status, answer := post(t, server.URL()+"/aspects?action=ingestProposalBatch", body)
		_, stored := server.Result(tc.ids[0])
		if status != tc.want || stored != (tc.want == 200) {
			t.Errorf("%v: status %d, stored = %t: %s", tc.ids, status, stored, answer)
		}
	}
}

func TestFaults(t *testing.T) {
	server := gmstest.Start(t, gmstest.Options{})
	server.Fail(gmstest.Fault{Path: "/config", After: 1, Times: 2, Status: 503})
	var got []int
	for range 4 {
		response, err := http.Get(server.URL() + "/config")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		got = append(got, response.StatusCode)
	}
	if diff := cmp.Diff([]int{200, 503, 503, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	remove := server.Fail(gmstest.Fault{Drop: true})
	if _, err := http.Get(server.URL() + "/config"); err == nil {
		t.Error("an answer from a connection that was cut")
	}
	remove()
	client := &http.Client{Timeout: 50 * time.Millisecond}
	server.Fail(gmstest.Fault{Hang: true})
	if _, err := client.Get(server.URL() + "/config"); err == nil {
		t.Error("an answer from a server that hangs")
	}
	server.Heal()
	server.Fail(gmstest.Fault{Body: "RUNNING", DropAfter: true})
	if _, err := http.Post(server.URL()+"/aspects?action=ingestProposal", "", strings.NewReader(
		`{"proposal":{"entityType":"dataHubExecutionRequest","entityUrn":"`+gmstest.URN("r")+`","changeType":"UPSERT",`+
			`"aspectName":"dataHubExecutionRequestResult","aspect":{"value":"{\"status\":\"RUNNING\"}","contentType":"application/json"}}}`)); err == nil {
		t.Error("an answer although the connection was cut")
	}
	if _, stored := server.Result("r"); !stored {
		t.Error("not stored before the cut")
	}
}

func TestJournal(t *testing.T) {
	var journal bytes.Buffer
	server := gmstest.Start(t, gmstest.Options{Journal: &journal})
	if _, err := http.Get(server.URL() + "/config"); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	var e gmstest.Exchange
	d := json.NewDecoder(&journal)
	if err := d.Decode(&e); err != nil || e.Path != "/config" || e.Status != 200 || !strings.Contains(e.Response, "noCode") {
		t.Errorf("%+v, %v", e, err)
	}
	if err := d.Decode(&e); !errors.Is(err, io.EOF) {
		t.Errorf("more than one line: %v", err)
	}
}
