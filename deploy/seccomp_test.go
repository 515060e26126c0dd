package deploy_test

import (
	"slices"
	"testing"

	"github.com/lockforge/lockforge/deploy"
)

func TestSeccompRefusesWhatTheProbesTry(t *testing.T) {
	filter, err := deploy.Seccomp()
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, rule := range filter["syscalls"].([]any) {
		rule := rule.(map[string]any)
		if rule["action"] != "SCMP_ACT_ERRNO" {
			t.Errorf("rule %v: a filter that allows by default has refusals only", rule)
		}
		for _, name := range rule["names"].([]any) {
			refused = append(refused, name.(string))
		}
	}
	for _, name := range []string{"memfd_create", "ptrace", "unshare", "setns", "mount", "bpf", "io_uring_setup", "userfaultfd", "perf_event_open", "keyctl", "clone3"} {
		if !slices.Contains(refused, name) {
			t.Errorf("%s is let through", name)
		}
	}
}
