package deploy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lockforge/lockforge/deploy"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/contract"
)

// environment is what a file sets, by name; the value of a secret is "".
type environment map[string]string

// check loads the environment as the executor would, with something in place
// of secrets, and returns what it makes of it.
func (e environment) check(t *testing.T) *config.Config {
	t.Helper()
	var variables []string
	for name, value := range e {
		if !known(name) {
			t.Errorf("%s is no variable of the executor", name)
		}
		if value == "" {
			value = "secret"
		}
		variables = append(variables, name+"="+value)
	}
	c, warnings, err := config.Load(variables, "")
	if err != nil {
		t.Fatalf("the environment cannot be used: %v", err)
	}
	for _, w := range warnings {
		t.Errorf("the environment is warned of: %s", w)
	}
	if c.Sandbox.Mode != "require" || c.Metrics.Address() != "" {
		t.Errorf("sandbox %q, metrics at %q; want require, and nowhere", c.Sandbox.Mode, c.Metrics.Address())
	}
	return c
}

// known says whether the executor reads a variable.
func known(name string) bool {
	return slices.ContainsFunc(config.Settings(), func(s config.Setting) bool { return slices.Contains(s.Names, name) }) ||
		slices.ContainsFunc(config.Families(), func(f config.Prefixed) bool { return strings.HasPrefix(name, f.Prefix) })
}

// drains checks that the runtime waits longer than draining takes.
func drains(t *testing.T, c *config.Config, wait time.Duration) {
	t.Helper()
	if need := c.Drain.Wait + c.Limits.Grace + c.Drain.Grace; need >= wait {
		t.Errorf("draining takes up to %s, and the runtime kills after %s", need, wait)
	}
}

// read decodes every document of a file, as far as the type has it.
func read[T any](t *testing.T, file string) (all []T) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var one T
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, one)
	}
}

type workload struct {
	Kind string
	Spec struct {
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
	}
}

type pod struct {
	AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
	HostNetwork                   bool  `yaml:"hostNetwork"`
	HostPID                       bool  `yaml:"hostPID"`
	HostIPC                       bool  `yaml:"hostIPC"`
	TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		FSGroup        int                   `yaml:"fsGroup"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	InitContainers []any `yaml:"initContainers"`
	Containers     []container
	Volumes        []volume
}

type container struct {
	Image           string
	Args            []string
	Ports           []any
	Env             []struct{ Name, Value string }
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		Privileged               bool
		ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop, Add []string }
	} `yaml:"securityContext"`
	Resources struct {
		Limits map[string]string
	}
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	VolumeMounts   []struct {
		Path     string `yaml:"mountPath"`
		ReadOnly bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	Exec          struct{ Command []string }
	PeriodSeconds int `yaml:"periodSeconds"`
}

type volume struct {
	Name     string
	EmptyDir *struct {
		SizeLimit string `yaml:"sizeLimit"`
	} `yaml:"emptyDir"`
	Secret *struct {
		DefaultMode string `yaml:"defaultMode"`
	}
	HostPath any `yaml:"hostPath"`
}

func TestKubernetes(t *testing.T) {
	for file, ephemeral := range map[string]bool{"deployment.yaml": true, "statefulset.yaml": false} {
		t.Run(file, func(t *testing.T) {
			all := read[workload](t, filepath.Join("kubernetes", file))
			if len(all) != 1 {
				t.Fatalf("%d documents", len(all))
			}
			w := all[0]
			checkPod(t, w.Spec.Template.Spec)
			c := w.Spec.Template.Spec.Containers[0]
			env := environment{}
			for _, e := range c.Env {
				env[e.Name] = e.Value
			}
			loaded := env.check(t)
			drains(t, loaded, time.Duration(w.Spec.Template.Spec.TerminationGracePeriodSeconds)*time.Second)
			if loaded.State.Ephemeral != ephemeral || (len(w.Spec.VolumeClaimTemplates) == 1) == ephemeral {
				t.Errorf("state.ephemeral is %t with %d volume claims", loaded.State.Ephemeral, len(w.Spec.VolumeClaimTemplates))
			}
			checkProbe(t, c.LivenessProbe, loaded.Health.Liveness)
			checkProbe(t, c.ReadinessProbe, loaded.Health.Readiness)
		})
	}
}

func checkPod(t *testing.T, p pod) {
	t.Helper()
	no := func(b *bool) bool { return b != nil && !*b }
	if !no(p.AutomountServiceAccountToken) || !no(p.EnableServiceLinks) || p.HostNetwork || p.HostPID || p.HostIPC {
		t.Error("the pod gets a service account's token, links of services, or a namespace of the host")
	}
	if c := p.SecurityContext; !c.RunAsNonRoot || c.RunAsUser != 1000 || c.FSGroup != 1000 || c.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("the pod's security context is %+v", c)
	}
	if len(p.Containers) != 1 || len(p.InitContainers) != 0 {
		t.Fatalf("%d containers and %d to begin with", len(p.Containers), len(p.InitContainers))
	}
	c := p.Containers[0]
	s := c.SecurityContext
	if !no(s.AllowPrivilegeEscalation) || s.Privileged || !s.ReadOnlyRootFilesystem ||
		!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || len(s.Capabilities.Add) != 0 {
		t.Errorf("the container's security context is %+v", s)
	}
	if !slices.Equal(c.Args, []string{"serve"}) || len(c.Ports) != 0 || c.Resources.Limits["memory"] == "" || !strings.Contains(c.Image, "@sha256:") {
		t.Errorf("args %q, ports %v, limits %v, image %s", c.Args, c.Ports, c.Resources.Limits, c.Image)
	}
	writable := []string{}
	for _, m := range c.VolumeMounts {
		if !m.ReadOnly {
			writable = append(writable, m.Path)
		}
	}
	if want := append([]string{"/tmp"}, deploy.StateDirs...); !slices.Equal(writable, want) {
		t.Errorf("writable are %q, want %q", writable, want)
	}
	for _, v := range p.Volumes {
		if v.HostPath != nil || v.EmptyDir != nil && v.EmptyDir.SizeLimit == "" || v.Secret != nil && v.Secret.DefaultMode != "0440" {
			t.Errorf("volume %s: of the host, without a size, or a secret with another mode than 0440", v.Name)
		}
	}
}

func checkProbe(t *testing.T, p probe, file string) {
	t.Helper()
	if !slices.Equal(p.Exec.Command, []string{contract.HealthLink, file}) {
		t.Errorf("a probe runs %q, not %s %s", p.Exec.Command, contract.HealthLink, file)
	}
	if p.PeriodSeconds < 5 {
		t.Errorf("a probe each %d s takes the file away before it comes back", p.PeriodSeconds)
	}
}

func TestNetworkPolicy(t *testing.T) {
	type policy struct {
		Kind string
		Spec struct {
			PodSelector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			} `yaml:"podSelector"`
			Selector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
			PolicyTypes     []string `yaml:"policyTypes"`
			Ingress, Egress []struct{ To, Ports []any }
			MaxUnavailable  int `yaml:"maxUnavailable"`
		}
	}
	kinds := map[string]policy{}
	for _, p := range read[policy](t, "kubernetes/shared.yaml") {
		kinds[p.Kind] = p
	}
	network, budget := kinds["NetworkPolicy"].Spec, kinds["PodDisruptionBudget"].Spec
	if !slices.Equal(network.PolicyTypes, []string{"Ingress", "Egress"}) || len(network.Ingress) != 0 || len(network.Egress) == 0 {
		t.Errorf("the network policy is %+v", network)
	}
	for i, rule := range network.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Errorf("egress rule %d is for any place or any port", i)
		}
	}
	labels := read[workload](t, "kubernetes/deployment.yaml")[0].Spec.Template.Metadata.Labels
	for key, value := range labels {
		if network.PodSelector.MatchLabels[key] != value || budget.Selector.MatchLabels[key] != value {
			t.Errorf("label %s of the pods is not selected", key)
		}
	}
	if budget.MaxUnavailable != 1 {
		t.Errorf("%d pods may be away at once", budget.MaxUnavailable)
	}
}

func TestCompose(t *testing.T) {
	type file struct {
		Services map[string]struct {
			Command     []string
			User        string
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
			SecurityOpt []string `yaml:"security_opt"`
			PidsLimit   int      `yaml:"pids_limit"`
			MemLimit    string   `yaml:"mem_limit"`
			StopGrace   string   `yaml:"stop_grace_period"`
			Privileged  bool
			Ports       []any
			Tmpfs       []string
			Volumes     []string
			Environment environment
			Healthcheck struct{ Test []string }
		}
	}
	s := read[file](t, "compose.yaml")[0].Services["executor"]
	if s.User != "1000:1000" || !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.Ports) != 0 ||
		s.PidsLimit == 0 || s.MemLimit == "" || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true", "seccomp:./seccomp.json"}) {
		t.Errorf("the service is %+v", s)
	}
	for _, mount := range s.Tmpfs {
		for _, option := range []string{"noexec", "nosuid", "nodev", "size="} {
			if !strings.Contains(mount, option) {
				t.Errorf("tmpfs %s is not %s", mount, option)
			}
		}
	}
	for _, mount := range s.Volumes {
		if !strings.HasSuffix(mount, ":ro") && !slices.Contains(deploy.StateDirs, mount[strings.Index(mount, ":")+1:]) {
			t.Errorf("volume %s can be written", mount)
		}
	}
	c := s.Environment.check(t)
	wait, err := time.ParseDuration(s.StopGrace)
	if err != nil {
		t.Error(err)
	}
	drains(t, c, wait)
	if !slices.Equal(s.Healthcheck.Test, []string{"CMD", contract.HealthLink, c.Health.Liveness}) {
		t.Errorf("the health check is %q", s.Healthcheck.Test)
	}
}

func TestECS(t *testing.T) {
	var task struct {
		ContainerDefinitions []struct {
			Command                []string
			User                   string
			Privileged             bool
			ReadonlyRootFilesystem bool
			DockerSecurityOptions  []string
			PortMappings           []any
			LinuxParameters        struct {
				Capabilities struct{ Add, Drop []string }
				Tmpfs        []struct {
					ContainerPath string
					Size          int
					MountOptions  []string
				}
			}
			StopTimeout int
			Environment []struct{ Name, Value string }
			Secrets     []struct{ Name, ValueFrom string }
			HealthCheck struct{ Command []string }
		}
	}
	content, err := os.ReadFile("ecs-task.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &task); err != nil {
		t.Fatal(err)
	}
	d := task.ContainerDefinitions[0]
	if d.User != "1000:1000" || d.Privileged || !d.ReadonlyRootFilesystem || len(d.PortMappings) != 0 ||
		!slices.Equal(d.DockerSecurityOptions, []string{"no-new-privileges"}) ||
		!slices.Equal(d.LinuxParameters.Capabilities.Drop, []string{"ALL"}) || len(d.LinuxParameters.Capabilities.Add) != 0 {
		t.Errorf("the container is %+v", d)
	}
	var paths []string
	for _, mount := range d.LinuxParameters.Tmpfs {
		paths = append(paths, mount.ContainerPath)
		for _, option := range []string{"noexec", "nosuid", "nodev"} {
			if !slices.Contains(mount.MountOptions, option) || mount.Size == 0 {
				t.Errorf("tmpfs %s is not %s, or has no size", mount.ContainerPath, option)
			}
		}
	}
	if want := append([]string{"/tmp"}, deploy.StateDirs...); !slices.Equal(paths, want) {
		t.Errorf("tmpfs at %q, want %q", paths, want)
	}
	env := environment{}
	for _, e := range d.Environment {
		env[e.Name] = e.Value
	}
	for _, s := range d.Secrets {
		env[s.Name] = ""
	}
	c := env.check(t)
	drains(t, c, time.Duration(d.StopTimeout)*time.Second)
	if !c.State.Ephemeral {
		t.Error("the state goes with the task, and the executor is not told")
	}
	if !slices.Equal(d.HealthCheck.Command, []string{"CMD", contract.HealthLink, c.Health.Liveness}) {
		t.Errorf("the health check is %q", d.HealthCheck.Command)
	}
}

// TestSeccomp says what the filter has to deny beside what runtimes deny anyway.
func TestSeccomp(t *testing.T) {
	filter, err := deploy.Seccomp()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(filter)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"memfd_create", "ptrace", "process_vm_writev", "mount", "unshare", "bpf", "io_uring_setup", "keyctl", "userfaultfd"} {
		if !strings.Contains(string(text), `"`+call+`"`) {
			t.Errorf("%s is not denied", call)
		}
	}
}

// TestProbes holds the list of tier R to the suite's pages.
func TestProbes(t *testing.T) {
	content, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../docs/probes/E*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages of probes: %v", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(page)
		listed := strings.Contains(string(content), "| ["+strings.TrimSuffix(name, ".md")+"](../docs/probes/"+name+") |")
		if runtime := strings.Contains(string(text), "\nTier R,"); runtime != listed {
			t.Errorf("%s is of tier R: %t; listed: %t", name, runtime, listed)
		}
	}
}

var variable = regexp.MustCompile("`((?:DATAHUB|LOCKFORGE_EXECUTOR|EXECUTOR|KAFKA|ACRYL|METADATA_CHANGE|SCHEMA_REGISTRY)_[A-Z0-9_]+)(?:=[^`]*)?`")

// elsewhere are variables that the pages name and that are not settings.
var elsewhere = []string{"EXECUTOR_TASK_WEIGHT", "EXECUTOR_TASK_MEMORY_LIMIT"}

// TestPages holds the variables of the pages to the settings.
func TestPages(t *testing.T) {
	for _, page := range []string{"README.md", "../docs/executor.md"} {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := variable.FindAllStringSubmatch(string(content), -1)
		if len(found) == 0 {
			t.Errorf("%s names no variable", page)
		}
		for _, match := range found {
			if name := match[1]; !known(name) && !slices.Contains(elsewhere, name) {
				t.Errorf("%s: %s is no variable of the executor", page, name)
			}
		}
	}
}
