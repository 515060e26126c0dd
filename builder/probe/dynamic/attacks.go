package dynamic

import (
	"slices"

	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
)

// attacks lists all dynamic probes.
func attacks() []attack {
	return slices.Concat(imageAttacks, runtimeAttacks, environmentAttacks, recipeAttacks, taskAttacks, serverAttacks)
}

func define(tier probe.Tier, profile container.Profile, module, function, id string, severity probe.Severity, title, fix string) attack {
	return attack{
		Probe:   probe.Probe{ID: id, Title: title, Tier: tier, Severity: severity, Kind: probe.DynamicKind, Fix: fix},
		profile: profile, module: module, function: function,
	}
}

func onImage(function, id string, severity probe.Severity, title, fix string) attack {
	return define(probe.Image, container.Plain, "image", function, id, severity, title, fix)
}

func onRuntime(function, id string, severity probe.Severity, title, fix string) attack {
	return define(probe.Runtime, container.Reference, "runtime", function, id, severity, title, fix)
}

func onExecutor(module, function, id string, severity probe.Severity, title, fix string) attack {
	return define(probe.Executor, container.Plain, module, function, id, severity, title, fix)
}

func bounded(a attack) attack {
	a.limits = true
	return a
}

const (
	fixOwner    = "make everything under /usr, /opt and /etc belong to root, writable by nobody else, and run as another user"
	fixRemove   = "leave it out of every layer; build from a lock instead of removing it later"
	fixProfile  = "run with the settings of deploy/README.md"
	fixExecutor = "start tasks by lockforge's executor with its sandbox, or drop the variable before a task starts"
	fixSandbox  = "start tasks with --sandbox require, on a kernel with Landlock and seccomp"
	fixServe    = "take requests by lockforge's `executor serve`"
	fixRecipe   = "judge recipes by lockforge's recipe policy before a task starts"
)

var imageAttacks = []attack{
	onImage("installers", "E03-run", probe.Critical, "No installer runs: neither as a module of any interpreter nor as a program", fixRemove),
	onImage("shells", "E05-start", probe.High, "No shell starts, and no program that starts others", fixRemove),
	onImage("tools", "E06-start", probe.High, "No downloader, archiver, compiler, package manager or debugger starts", fixRemove),
	onImage("become_root", "E07-become-root", probe.Critical, "The image's user has no privileges and cannot become root", "give the image a numeric user other than 0"),
	onImage("fetched_package", "E13-install", probe.Critical, "A package that was fetched does not get among what Python imports", fixOwner),
	onImage("install_from_index", "E14-index", probe.Critical, "Nothing in the image installs from an index that can be reached", fixRemove),
	onImage("unpacked_archive", "E17-unpack", probe.Critical, "No archive can be unpacked into packages, the standard library or a venv's programs", fixOwner),
	onImage("startup_files", "E34-plant", probe.Critical, "No file that Python runs at its start can be planted or changed", fixOwner),
	onImage("changed_code", "E35-change", probe.Critical, "Code and bytecode cannot be overwritten, replaced, renamed or added to", fixOwner),
	onImage("planted_venv", "E35-venv", probe.Critical, "No venv can be added to those that tasks run in", fixOwner),
	onImage("system_files", "E35-system", probe.High, "What steers loader, accounts, certificates and indexes cannot be changed", fixOwner),
}

var runtimeAttacks = []attack{
	onRuntime("privileges", "E07-runtime", probe.High, "No capabilities, no new privileges, and a filter of system calls", fixProfile),
	onRuntime("exec_scratch", "E18-runtime", probe.High, "A program that was brought along does not start", fixProfile),
	onRuntime("exec_by_loader", "E19-runtime", probe.High, "A program that was brought along does not start through the dynamic loader", fixProfile),
	onRuntime("load_library", "E20-runtime", probe.High, "Native code that was brought along is not loaded", fixProfile),
	onRuntime("memory_file", "E21-runtime", probe.High, "There are no files in memory, from which code could be started or loaded", fixProfile),
	onRuntime("read_only_root", "E35-runtime", probe.High, "Nothing but scratch space can be written to", fixProfile),
	bounded(onRuntime("fork_bomb", "E55-runtime", probe.Medium, "Processes are bounded", fixProfile)),
	bounded(onRuntime("memory_bomb", "E56-runtime", probe.Medium, "Memory is bounded", fixProfile)),
	onRuntime("disk_fill", "E57-runtime", probe.Medium, "Scratch space is bounded", fixProfile),
	onRuntime("system_calls", "E59-runtime", probe.High, "System calls that reach into other processes or the machine are refused", fixProfile),
}

var environmentAttacks = []attack{
	onExecutor("tasks", "index_environment", "E15-environment", probe.High, "Variables that name an index do not reach a task", fixExecutor),
	onExecutor("tasks", "interpreter_environment", "E24-task", probe.Critical, "PYTHONPATH and its like have no effect on a task", fixExecutor),
	onExecutor("tasks", "user_site", "E25-user-site", probe.High, "Packages of the user's home have no effect on a task", fixExecutor),
	onExecutor("tasks", "startup_environment", "E26-startup", probe.High, "Variables that run code at the interpreter's start do not reach a task", fixExecutor),
	onExecutor("tasks", "bytecode_environment", "E27-bytecode", probe.High, "Bytecode is not taken from a place that a variable names", fixExecutor),
	onExecutor("tasks", "launcher_environment", "E28-launcher", probe.High, "Variables that name another interpreter or venv have no effect", fixExecutor),
	onExecutor("tasks", "working_directory", "E29-directory", probe.High, "Modules in the working directory are not imported; it is empty", fixExecutor),
	onExecutor("tasks", "fake_venv", "E30-venv", probe.High, "A task runs in its own venv, and none that it makes is there later", fixExecutor),
	onExecutor("tasks", "loader_environment", "E31-loader", probe.Critical, "Variables that steer the loader and the C library do not reach a task", fixExecutor),
	onExecutor("tasks", "tls_environment", "E32-tls", probe.High, "Variables that load code into TLS libraries or write keys do not reach a task", fixExecutor),
	onExecutor("tasks", "driver_environment", "E33-driver", probe.High, "Variables that configure drivers, JVMs and clients do not reach a task", fixExecutor),
	onExecutor("tasks", "entry_points", "E36-entry-point", probe.High, "A plugin that was planted outside of the venv is not registered", fixExecutor),
	onExecutor("tasks", "namespace", "E37-namespace", probe.High, "A namespace package is not extended from outside of the venv", fixExecutor),
}

var recipeAttacks = []attack{
	onExecutor("recipes", "downloads", "E23-download", probe.High, "A recipe has nothing downloaded that is code", fixRecipe),
	onExecutor("recipes", "packages", "E44-packages", probe.Critical, "A recipe brings no packages, no version and no variables", fixRecipe),
	onExecutor("recipes", "source_class", "E45-class", probe.Critical, "A source is a bundled plugin, never a Python path", fixRecipe),
	onExecutor("recipes", "other_class", "E46-class", probe.Critical, "Transformers, sinks, reporters and callbacks are no Python paths", fixRecipe),
	onExecutor("tasks", "executor_environment", "E47-reference", probe.Critical, "Neither the environment nor a reference in a recipe gives a task the executor's own secrets", fixExecutor),
	onExecutor("recipes", "directives", "E48-directive", probe.High, "A recipe has no values written to files", fixRecipe),
	onExecutor("recipes", "files", "E49-files", probe.Critical, "A recipe reads and writes no file of the system", fixRecipe),
	onExecutor("recipes", "addresses", "E50-address", probe.High, "A recipe has no address where a file is expected", fixRecipe),
	onExecutor("recipes", "native_code", "E51-native", probe.Critical, "A recipe loads no native code and no jars", fixRecipe),
	onExecutor("recipes", "traversal", "E52-traversal", probe.Critical, "Names of plugins lead to no other directory", fixRecipe),
	onExecutor("recipes", "malformed", "E53-malformed", probe.High, "A recipe that can be read in two ways, or costs much to read, is refused at once", fixRecipe),
}

var taskAttacks = []attack{
	onExecutor("tasks", "next_task", "E13-next-task", probe.Critical, "What a task leaves behind is not there for the next one", fixSandbox),
	onExecutor("tasks", "next_wheel", "E16-next-task", probe.High, "A wheel that a task leaves behind is not there for the next one", fixSandbox),
	onExecutor("tasks", "exec_scratch", "E18-task", probe.High, "A program that a task brought along does not start", fixSandbox),
	onExecutor("tasks", "memory_file", "E21-task", probe.High, "A task makes no files in memory", fixSandbox),
	onExecutor("tasks", "writable_code", "E22-task", probe.Medium, "Memory that a task has written does not become code", "start tasks without --jit, unless a connector compiles at run time"),
	bounded(onExecutor("tasks", "memory_bomb", "E56-task", probe.Medium, "A task uses no more memory than it may", fixSandbox)),
	onExecutor("tasks", "daemon", "E58-daemon", probe.High, "No process of a task outlives it", fixSandbox),
	onExecutor("tasks", "outsiders", "E59-outsiders", probe.Critical, "A task reaches neither the executor nor other processes", fixSandbox),
	onExecutor("tasks", "system_calls", "E59-task", probe.High, "A task's system calls do not reach into other processes or the machine", fixSandbox),
	onExecutor("tasks", "descriptors", "E60-descriptors", probe.High, "A task inherits no open files", fixSandbox),
	onExecutor("tasks", "siblings", "E61-siblings", probe.High, "A task neither sees nor changes the files of another", fixSandbox),
	onExecutor("tasks", "secret_files", "E61-secrets", probe.Critical, "A task reads neither the directory of secrets nor the executor's environment", fixSandbox),
	onExecutor("tasks", "masking", "E63-masking", probe.Critical, "Secrets are masked in logs, in every form that programs print them in", fixExecutor),
	onExecutor("tasks", "secret_places", "E64-places", probe.High, "Secrets are in no command line, environment, file or core dump", fixExecutor),
	onExecutor("tasks", "log_forging", "E65-log", probe.Medium, "What a task prints forges no log line and ends no run", fixExecutor),
	onExecutor("tasks", "killed_executor", "E66-killed", probe.High, "Of an executor that was killed, neither tasks nor secrets are left", fixSandbox),
	onExecutor("tasks", "ports", "E67-task", probe.Medium, "No port is open while a task runs", fixExecutor),
}

// serverAttacks are what a server could send, and what it could be made to believe.
var serverAttacks = []attack{
	onExecutor("served", "request_arguments", "E44-request", probe.Critical, "A request brings no packages, no version and no variables, and makes no secret public", fixServe),
	onExecutor("served", "request_ids", "E52-request", probe.Critical, "The id of a request leads to no other directory", fixServe),
	onExecutor("served", "forged_status", "E54-status", probe.Critical, "Neither a recipe nor a task's words change the status of another run", fixServe),
	onExecutor("served", "large_results", "E57-task", probe.Medium, "What a task writes reaches the server bounded, and its run has an end", fixServe),
	onExecutor("served", "report_files", "E62-report", probe.Critical, "Whatever a task leaves as its report, the executor publishes no other file and goes on", fixServe),
}
