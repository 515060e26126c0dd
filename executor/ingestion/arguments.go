package ingestion

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/sandbox"
)

// Variables of extra_env_vars that are meant for the executor: upstream has no
// other place for them. The child does not get them.
const (
	envWeight = "EXECUTOR_TASK_WEIGHT" // read by whoever admits runs
	envMemory = "EXECUTOR_TASK_MEMORY_LIMIT"
)

// arguments are what a request says besides its recipe.
type arguments struct {
	recipe  string
	version string
	debug   bool
	set     []string      // "NAME=value", sorted, for the child
	memory  sandbox.Bytes // 0: nothing said
}

// readArguments reads the args of a request and refuses all in them that no
// run may have. allow are the names that extra_env_vars may set, and
// beginnings of names with a "*" after them.
func readArguments(q queue.Request, allow []string) (arguments, error) {
	a := arguments{recipe: strings.TrimSpace(q.Args["recipe"]), version: strings.TrimSpace(q.Args["version"])}
	var problems []error
	if a.recipe == "" {
		problems = append(problems, refuse(Malformed, "args.recipe is missing"))
	}
	for _, name := range []string{"debug_mode", "debugMode"} {
		a.debug = a.debug || strings.EqualFold(q.Args[name], "true")
	}
	for _, name := range []string{"extra_pip_requirements", "extra_pip_plugins"} {
		problems = append(problems, noPackages(name, q.Args[name]))
	}
	problems = append(problems, a.variables(q.Args["extra_env_vars"], allow))
	return a, errors.Join(problems...)
}

// noPackages refuses a list that is not empty.
func noPackages(name, value string) error {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	var list []any
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return refuse(Malformed, "args.%s is no JSON list", name)
	}
	if len(list) == 0 {
		return nil
	}
	return refuse(Packages, "args.%s asks for %d packages; nothing is installed at run time: put them into the image's manifest", name, len(list))
}

// variables reads extra_env_vars: a JSON object whose values are texts,
// numbers and booleans; null and "" are taken for absent, as upstream does.
func (a *arguments) variables(value string, allow []string) error {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return refuse(Malformed, "args.extra_env_vars is no JSON object")
	}
	var problems []error
	var refused []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, err := variableText(object[name])
		switch {
		case err != nil:
			problems = append(problems, refuse(Malformed, "args.extra_env_vars: %.128q: %w", name, err))
		case text == "" || name == envWeight:
		case name == envMemory:
			if a.memory, err = sandbox.ParseBytes(text); err != nil {
				problems = append(problems, refuse(Limits, "%s: %w; upstream's documentation means kilobytes and its code bytes", envMemory, err))
			}
		case !allowed(name, allow):
			refused = append(refused, fmt.Sprintf("%.128q", name))
		case strings.ContainsRune(text, 0):
			problems = append(problems, refuse(Malformed, "args.extra_env_vars: %q has a zero byte", name))
		default:
			a.set = append(a.set, name+"="+text)
		}
	}
	if len(refused) > 0 {
		problems = append(problems, refuse(Variables, "args.extra_env_vars: a run may not set %s", strings.Join(refused, ", ")))
	}
	return errors.Join(problems...)
}

func variableText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	case json.Number:
		return v.String(), nil
	default:
		return "", errors.New("want a text, a number or a boolean")
	}
}

// steering are beginnings of names that steer the interpreter, the loader, an
// installer or the executor's own hold on the child. Nobody can allow them.
var steering = []string{
	"PYTHON", "LD_", "PIP_", "UV_", "VIRTUAL_ENV", "VENV_PATH", "PATH", "HOME", "TMPDIR", "IFS", "BASH_ENV", "ENV", "GLIBC_TUNABLES", "MALLOC_", "GCONV_PATH", "OPENSSL_",
	"DATAHUB_ENABLE_SECRET_MASKING", "DATAHUB_DEBUG", "DATAHUB_GMS_", "DATAHUB_SYSTEM_CLIENT_", "DATAHUB_AUTH_", "INGESTION_ARTIFACT_DIR", "EXECUTOR_",
}

func allowed(name string, allow []string) bool {
	return validVariable(name) && !steers(name) && slices.ContainsFunc(allow, func(pattern string) bool {
		beginning, wild := strings.CutSuffix(pattern, "*")
		return name == pattern || wild && strings.HasPrefix(name, beginning)
	})
}

func steers(name string) bool {
	return slices.ContainsFunc(steering, func(s string) bool {
		return name == s || (strings.HasSuffix(s, "_") || s == "PYTHON") && strings.HasPrefix(name, s)
	})
}

func validVariable(name string) bool {
	for i, c := range []byte(name) {
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 128
}

// checkAllowed returns what is wrong with a list of names that runs may set.
func checkAllowed(allow []string) error {
	var problems []error
	for _, pattern := range allow {
		beginning, wild := strings.CutSuffix(pattern, "*")
		switch {
		case wild && beginning == "":
		case !validVariable(beginning):
			problems = append(problems, fmt.Errorf("variables that runs may set: %q is no name, and no beginning of one with a *", pattern))
		case steers(pattern):
			problems = append(problems, fmt.Errorf("variables that runs may set: %s steers the interpreter or the executor and cannot be allowed", pattern))
		}
	}
	return errors.Join(problems...)
}
