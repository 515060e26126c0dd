package main

import (
	"io"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/bench/measure"
)

func TestBarsOfWhatWasMeasured(t *testing.T) {
	if bars := (results{}).bars(); len(bars) != 0 {
		t.Errorf("bars without samples: %v", bars)
	}
	r := results{
		Ready: []float64{0.02}, OtherReady: []float64{1.4}, Idle: []int64{15 << 20}, OtherIdle: []int64{96 << 20},
		ByHand: []measure.Sample{{Wall: 2}}, NoOp: []float64{2.2}, OtherNoOp: []float64{6},
		Bare: []dispatch{{Start: 2}}, Dispatch: []dispatch{{Start: 9, End: 60}}, OtherDispatch: []dispatch{{Start: 130, End: 1900}},
		Flood: []heavy{{Bytes: 1 << 30, Seconds: 10, Before: 20 << 20, Peak: 40 << 20}}, OtherFlood: []heavy{{Bytes: 1 << 20, Seconds: 1}},
		Report: []heavy{{Peak: 60 << 20}}, OtherReport: []heavy{{Peak: 1 << 30}},
		Tasks: 5000, TasksSeconds: 50, TasksBefore: 20 << 20, TasksAfter: 21 << 20,
	}
	r.print(io.Discard)
	var missed []string
	for _, b := range r.bars() {
		if !b.Met() {
			missed = append(missed, b.Name)
		}
	}
	want := "no-op ingestion / by hand; child's end until it is written, p99; flood with 50 secrets; growth of memory in 5000 runs"
	if got := strings.Join(missed, "; "); got != want {
		t.Errorf("missed: %s\nwant:   %s", got, want)
	}
}

func TestExchanges(t *testing.T) {
	for name, tc := range map[string]struct {
		line, run, status string
	}{
		"by key": {`{"path":"/aspects?action=ingestProposal","status":200,"body":"{\"proposal\":{\"entityKeyAspect\":{\"value\":\"{\\\"id\\\":\\\"r-1\\\"}\"},\"aspectName\":\"dataHubExecutionRequestResult\",\"aspect\":{\"value\":\"{\\\"status\\\":\\\"SUCCESS\\\"}\"}}}"}`, "r-1", "SUCCESS"},
		"by urn": {`{"path":"/aspects?action=ingestProposal","status":200,"body":"{\"proposal\":{\"entityUrn\":\"urn:li:dataHubExecutionRequest:r-2\",\"aspectName\":\"dataHubExecutionRequestResult\",\"aspect\":{\"value\":\"{\\\"status\\\":\\\"RUNNING\\\"}\"}}}"}`, "r-2", "RUNNING"},
		"other":  {`{"path":"/config","status":200}`, "", ""},
	} {
		x, err := parseExchange([]byte(tc.line))
		if err != nil || x.run != tc.run || x.state.Status != tc.status || x.Status != 200 {
			t.Errorf("%s: %+v, %v", name, x, err)
		}
	}
}

func TestStamps(t *testing.T) {
	began, ended := stamps("log\nbench began=1000000000 ended=2000000000\nmore")
	if began.Unix() != 1 || ended.Unix() != 2 {
		t.Errorf("%v, %v", began, ended)
	}
	if began, _ := stamps("nothing"); !began.IsZero() {
		t.Errorf("%v", began)
	}
}
