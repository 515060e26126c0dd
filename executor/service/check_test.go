package service_test

import (
	"strings"
	"testing"
)

// TestKerberosIsRefusedWithWhatToUse asks check and serve alike.
func TestKerberosIsRefusedWithWhatToUse(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "", "LOCKFORGE_EXECUTOR_SOURCES=kafka", "KAFKA_BOOTSTRAP_SERVER=127.0.0.1:1", "DATAHUB_AUTH_TYPE=none", "DATAHUB_GMS_URL=http://127.0.0.1:1",
		"KAFKA_PROPERTIES_SECURITY_PROTOCOL=SASL_SSL", "KAFKA_PROPERTIES_SASL_MECHANISM=GSSAPI")
	said, code := p.check()
	serve := p.command("serve")
	out, _ := serve.CombinedOutput() // its exit code is looked at
	for command, said := range map[string]string{"check": said, "serve": string(out)} {
		for _, part := range []string{"GSSAPI (Kerberos) is not supported", "SCRAM-SHA-512", "security.protocol=SSL"} {
			if !strings.Contains(said, part) {
				t.Errorf("%s does not say %q:\n%s", command, part, said)
			}
		}
	}
	if ended := serve.ProcessState.ExitCode(); code != 2 || ended != 2 {
		t.Errorf("check ends with %d, serve with %d; want 2", code, ended)
	}
}
