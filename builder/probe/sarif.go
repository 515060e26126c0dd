package probe

import (
	"encoding/json"
	"io"
	"strings"
)

// sarifLevel maps a severity to a level of SARIF 2.1.0, section 3.27.10, and
// to the number between 0 and 10 by which code hosts sort security findings.
var sarifLevel = map[Severity][2]string{
	Critical: {"error", "9.5"}, High: {"error", "8.0"}, Medium: {"warning", "5.5"}, Low: {"note", "2.0"},
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	AutomationDetails map[string]string `json:"automationDetails"`
	Results           []sarifResult     `json:"results"`
	Properties        map[string]any    `json:"properties"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifRule struct {
	ID               string         `json:"id"`
	ShortDescription sarifText      `json:"shortDescription"`
	Help             sarifText      `json:"help"`
	Configuration    map[string]any `json:"defaultConfiguration"`
	Properties       map[string]any `json:"properties"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Kind      string          `json:"kind"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact map[string]string `json:"artifactLocation"`
	} `json:"physicalLocation"`
	Logical []map[string]string `json:"logicalLocations,omitempty"`
}

// SARIF writes the document as SARIF 2.1.0, one run per platform: a result for
// each piece of evidence, for each probe that passed (kind "pass"), and for
// each that was not run (kind "notApplicable").
func (d *Document) SARIF(w io.Writer, toolVersion string) error {
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{}}
	for _, r := range d.Platforms {
		run := sarifRun{
			AutomationDetails: map[string]string{"id": d.Ref + "/" + r.Platform},
			Results:           []sarifResult{},
			Properties:        map[string]any{"digest": r.Digest, "platform": r.Platform, "scores": r.Scores},
		}
		run.Tool.Driver = sarifDriver{Name: "lockforge", Version: toolVersion, Rules: []sarifRule{}}
		for n, p := range r.Results {
			rule, err := sarifRuleOf(p.Probe)
			if err != nil {
				return err
			}
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
			run.Results = append(run.Results, sarifResults(p, n)...)
		}
		log.Runs = append(log.Runs, run)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(log)
}

func sarifRuleOf(p Probe) (sarifRule, error) {
	page, err := p.Text()
	if err != nil {
		return sarifRule{}, err
	}
	level := sarifLevel[p.Severity]
	return sarifRule{
		ID: p.ID, ShortDescription: sarifText{Text: p.Title}, Help: sarifText{Text: p.Fix, Markdown: page},
		Configuration: map[string]any{"level": level[0]},
		Properties:    map[string]any{"security-severity": level[1], "tier": p.Tier, "tags": []string{"security"}},
	}, nil
}

func sarifResults(r Result, rule int) []sarifResult {
	base := sarifResult{RuleID: r.ID, RuleIndex: rule, Level: "none"}
	switch r.Outcome {
	case Pass:
		base.Kind, base.Message.Text = "pass", r.Title
		return []sarifResult{base}
	case NotRun:
		base.Kind, base.Message.Text = "notApplicable", "not run: "+r.Reason
		return []sarifResult{base}
	}
	var all []sarifResult
	for _, e := range r.Evidence {
		f := base
		f.Kind, f.Level = "fail", sarifLevel[r.Severity][0]
		f.Message.Text = r.Title + ": " + e.Text + " (fix: " + r.Fix + ")"
		if e.Path != "" {
			var l sarifLocation
			l.Physical.Artifact = map[string]string{"uri": uriOf(e.Path)}
			if e.Layer != "" {
				l.Logical = []map[string]string{{"kind": "layer", "fullyQualifiedName": e.Layer}}
			}
			f.Locations = []sarifLocation{l}
		}
		all = append(all, f)
	}
	return all
}

// uriOf writes a path of the image as a relative reference, RFC 3986.
func uriOf(p string) string {
	var b strings.Builder
	for _, c := range []byte(strings.TrimPrefix(p, "/")) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/-._~+@", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		const digits = "0123456789ABCDEF"
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}
