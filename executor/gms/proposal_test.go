package gms_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
)

var noon = time.UnixMilli(1_700_000_000_000)

func TestEncode(t *testing.T) {
	for _, tc := range []struct {
		name string
		p    gms.Proposal
		want string
	}{
		{
			"by key",
			gms.RunProposal("run-1", gms.ResultAspect, []byte(`{"status":"RUNNING","report":"ü𝄞\n<\"\\>"}`)),
			`{"proposal":{"entityType":"dataHubExecutionRequest",` +
				`"entityKeyAspect":{"value":"{\"id\":\"run-1\"}","contentType":"application/json"},` +
				`"changeType":"UPSERT","aspectName":"dataHubExecutionRequestResult",` +
				`"aspect":{"value":"{\"status\":\"RUNNING\",\"report\":\"\\u00fc\\ud834\\udd1e\\n<\\\"\\\\>\"}","contentType":"application/json"},` +
				`"systemMetadata":{"lastObserved":1700000000000,"runId":"no-run-id-provided","properties":{"appSource":"reportingExecutor"}}},` +
				`"async":"false"}`,
		},
		{
			"by urn, with conditions",
			gms.Proposal{
				EntityType: "assertion", URN: "urn:li:assertion:ä", Aspect: "assertionRunEvent", Value: []byte("{\n\t\"a\": 1\r}"),
				ChangeType: gms.Create, RunID: "native-1", Properties: map[string]string{"b": "2", "a": "1"},
				Headers: map[string]string{gms.IfVersionMatch: "-1"},
			},
			`{"proposal":{"entityType":"assertion","entityUrn":"urn:li:assertion:\u00e4","changeType":"CREATE",` +
				`"aspectName":"assertionRunEvent","aspect":{"value":"{\n\t\"a\": 1\r}","contentType":"application/json"},` +
				`"headers":{"If-Version-Match":"-1"},` +
				`"systemMetadata":{"lastObserved":1700000000000,"runId":"native-1","properties":{"a":"1","b":"2"}}},` +
				`"async":"false"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.p.Encode(noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if size := gms.EncodedSize(tc.p, noon); size != len(got) {
				t.Errorf("EncodedSize = %d, not %d", size, len(got))
			}
		})
	}
}

// The fixture has the shape of what upstream's executor sends; ours differs in
// who it says it is, and leaves out what servers fill in by themselves.
func TestEncodeIsWhatUpstreamSends(t *testing.T) {
	text, err := os.ReadFile("testdata/kickoff.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	metadata := want["proposal"].(map[string]any)["systemMetadata"].(map[string]any)
	delete(metadata, "lastRunId")
	delete(metadata["properties"].(map[string]any), "clientId")
	delete(metadata["properties"].(map[string]any), "clientVersion")

	got, err := gms.RunProposal("11111111-2222-3333-4444-555555555555", gms.ResultAspect,
		[]byte(`{"status": "RUNNING", "startTimeMs": 1700000000000}`)).Encode(noon)
	if err != nil {
		t.Fatal(err)
	}
	// Both are JSON in JSON; white space in the inner one has no meaning.
	if diff := cmp.Diff(opened(want), opened(parse(t, got))); diff != "" {
		t.Errorf("body (-upstream +ours):\n%s", diff)
	}
}

// opened replaces strings that are JSON objects by what they hold.
func opened(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = opened(v[key])
		}
	case string:
		var inner any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
			return inner
		}
	}
	return value
}

func TestEncodeRefuses(t *testing.T) {
	good := gms.RunProposal("r", gms.ResultAspect, []byte(`{}`))
	for name, change := range map[string]func(*gms.Proposal){
		"no type":         func(p *gms.Proposal) { p.EntityType = "" },
		"no aspect":       func(p *gms.Proposal) { p.Aspect = "" },
		"no address":      func(p *gms.Proposal) { p.Key = "" },
		"two addresses":   func(p *gms.Proposal) { p.URN = "urn:li:x:1" },
		"key not JSON":    func(p *gms.Proposal) { p.Key = "{" },
		"value not JSON":  func(p *gms.Proposal) { p.Value = []byte(`{"a":`) },
		"value not there": func(p *gms.Proposal) { p.Value = nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			change(&p)
			if body, err := p.Encode(noon); err == nil {
				t.Errorf("no error, but %s", body)
			}
			if size := gms.EncodedSize(p, noon); size != 0 {
				t.Errorf("EncodedSize = %d", size)
			}
			_, c := start(t, nothing)
			if err := c.Propose(t.Context(), p); gms.KindOf(err) != gms.Rejected {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func FuzzEncode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"ü\u0000\ud800"}`, "{\"\x7f\":\"\xff\"}", `[1,"𝄞",{"b":null}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		p := gms.RunProposal("r", gms.ResultAspect, value)
		body, err := p.Encode(noon)
		if err != nil {
			return
		}
		if size := gms.EncodedSize(p, noon); size != len(body) {
			t.Errorf("EncodedSize = %d, not %d", size, len(body))
		}
		for _, b := range body {
			if b >= 0x80 || b < ' ' {
				t.Fatalf("byte %#x in %q", b, body)
			}
		}
		var sent struct {
			Proposal struct {
				Aspect struct{ Value string }
			}
		}
		if err := json.Unmarshal(body, &sent); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if diff := cmp.Diff(parse(t, value), parse(t, []byte(sent.Proposal.Aspect.Value))); diff != "" {
			t.Errorf("value (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkEncodedSize(b *testing.B) {
	p := gms.RunProposal("r", gms.ResultAspect, []byte(`{"report":"`+strings.Repeat("a line of a log, ünd so on\\n", 100_000)+`"}`))
	b.SetBytes(int64(len(p.Value)))
	for b.Loop() {
		gms.EncodedSize(p, noon)
	}
}
