package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/config"
)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func logged(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	config.Logs{Format: "json"}.Logger(&b).Info("loaded", "config", v)
	config.Logs{Format: "text"}.Logger(&b).Info("loaded", "config", v)
	return b.String()
}

func TestSecretsAreNotPrinted(t *testing.T) {
	s := config.NewSecret("hidden-value")
	for _, text := range []string{
		s.String(), fmt.Sprint(s), fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%v", []config.Secret{s}), fmt.Sprintf("%+v", map[string]*config.Secret{"a": &s}["a"]),
		asJSON(t, s), asJSON(t, map[string]any{"a": s}), logged(t, s),
	} {
		if strings.Contains(text, "hidden") || strings.Contains(text, fmt.Sprintf("%x", "hidden")) {
			t.Errorf("printed as %s", text)
		}
	}
	if s.Reveal() != "hidden-value" || !s.Set() || config.NewSecret("").Set() || config.NewSecret("").String() != "" {
		t.Error("a secret does not keep its value")
	}
	p := config.Properties{"sasl.password": "hidden-value"}
	for _, text := range []string{p.String(), fmt.Sprintf("%v %+v %#v %q", p, p, p, p), asJSON(t, p), logged(t, p)} {
		if strings.Contains(text, "hidden") || !strings.Contains(text, "sasl.password") {
			t.Errorf("printed as %s", text)
		}
	}
}

func TestErrorsShowNoSecrets(t *testing.T) {
	const hidden = "hidden-value"
	file := write(t, "auth:\n  token: \"line\\n"+hidden+"\"\n  client_secret: ["+hidden+"]\ngms:\n  url: https://user:"+hidden+"@gms.example\n"+
		"trace:\n  headers:\n    authorization: ["+hidden+"]\n")
	for name, problems := range map[string][]config.Problem{
		"file": refuse(t, file, quiet),
		"variables": refuse(t, "", quiet, "DATAHUB_GMS_TOKEN=line\n"+hidden, "DATAHUB_GMS_URL=https://user:"+hidden+"@gms.example",
			"SCHEMA_REGISTRY_URL=https://a:"+hidden+"@%zz", "OTEL_EXPORTER_OTLP_HEADERS="+hidden+",a="+hidden+"%zz"),
		"no YAML":            refuse(t, write(t, "auth: {token: "+hidden), quiet),
		"other form of YAML": refuse(t, write(t, "- "+hidden), quiet),
		"anchors":            refuse(t, write(t, "a: *"+hidden), quiet),
	} {
		if len(problems) == 0 {
			t.Errorf("%s: nothing is wrong", name)
		}
		for _, p := range problems {
			if strings.Contains(p.String(), hidden) {
				t.Errorf("%s: %s", name, p)
			}
		}
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := config.Logs{Level: "warn", Format: "json"}.Logger(&b)
	log.Info("not this")
	log.Warn("this", "run", "a\nb")
	var line struct {
		Time, Level, Msg, Run string
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, b.String())
	}
	if line.Level != "WARN" || line.Msg != "this" || line.Run != "a\nb" || !strings.HasSuffix(line.Time, "Z") {
		t.Errorf("the line is %s", b.String())
	}
	if n := strings.Count(b.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		if (config.Logs{Level: "nonsense"}).Logger(&b).Enabled(t.Context(), level) != (level >= slog.LevelInfo) {
			t.Errorf("an unknown level is not that of %s", slog.LevelInfo)
		}
	}
}
