package config

import "github.com/lockforge/lockforge/executor/contract"

// runSettings are about what a run may do and use.
func runSettings() []Setting {
	return []Setting{
		{
			Key: "recipe.policy", Names: []string{"LOCKFORGE_EXECUTOR_RECIPE_POLICY"}, Form: Text, Otherwise: "built in",
			Meaning: "File of the policy that recipes are judged by.",
			field:   func(c *Config) any { return &c.Recipe.Policy },
		},
		{
			Key: "recipe.env_vars", Names: []string{"LOCKFORGE_EXECUTOR_ALLOWED_ENV_VARS"}, Form: List,
			Meaning: "Extra environment variables that a run may set beside EXECUTOR_TASK_WEIGHT and EXECUTOR_TASK_MEMORY_LIMIT: whole names, or beginnings with a * after them.",
			field:   func(c *Config) any { return &c.Recipe.EnvVars },
		},
		{
			Key: "sandbox.mode", Names: []string{"LOCKFORGE_EXECUTOR_SANDBOX"}, Form: Text, Default: "prefer", Choices: []string{"prefer", "require", "off"},
			Meaning: "Whether a run gets the controls that the kernel offers, does not start without all of them, or gets none.",
			field:   func(c *Config) any { return &c.Sandbox.Mode },
		},
		{
			Key: "sandbox.write", Names: []string{"LOCKFORGE_EXECUTOR_SANDBOX_WRITE"}, Form: List,
			Meaning: "Directories that runs may write beside their own. multiprocessing's locks need /dev/shm.",
			field:   func(c *Config) any { return &c.Sandbox.Write },
		},
		{
			Key: "sandbox.read", Names: []string{"LOCKFORGE_EXECUTOR_SANDBOX_READ"}, Form: List, Otherwise: "everything but the directories of secrets and state",
			Meaning: "The only files and directories that runs may read, beside their own and the image's programs.",
			field:   func(c *Config) any { return &c.Sandbox.Read },
		},
		{
			Key: "sandbox.landlock_abi", Names: []string{"LOCKFORGE_EXECUTOR_LANDLOCK_ABI"}, Form: Number, Default: "1", Least: "1", Most: "100",
			Meaning: "The least version of Landlock that counts as having it. 6 keeps signals from the executor.",
			field:   func(c *Config) any { return &c.Sandbox.LandlockABI },
		},
		{
			Key: "sandbox.mdwe", Names: []string{"LOCKFORGE_EXECUTOR_MDWE"}, Form: Switch, Default: "true",
			Meaning: "Whether memory that is or was writable cannot become executable. Switch it off for connectors that compile at run time, such as those with a JVM.",
			field:   func(c *Config) any { return &c.Sandbox.MDWE },
		},
		{
			Key: "sandbox.allow_memfd", Names: []string{"LOCKFORGE_EXECUTOR_ALLOW_MEMFD"}, Form: Switch, Default: "false",
			Meaning: "Whether runs may make anonymous files, from which code can be loaded. Some JVMs need them.",
			field:   func(c *Config) any { return &c.Sandbox.AllowMemfd },
		},
		{
			Key: "limits.timeout", Names: []string{"LOCKFORGE_EXECUTOR_TASK_TIMEOUT"}, Form: Seconds, Default: "86400",
			Meaning: "Time for one run; 0 is no bound. The default is what upstream declares and does not enforce.",
			field:   func(c *Config) any { return &c.Limits.Timeout },
		},
		{
			Key: "limits.grace", Names: []string{"LOCKFORGE_EXECUTOR_TASK_GRACE"}, Form: Seconds, Default: "10", Most: "600",
			Meaning: "Time between SIGTERM and SIGKILL for a run that is cancelled, drained or over its time.",
			field:   func(c *Config) any { return &c.Limits.Grace },
		},
		{
			Key: "limits.memory", Names: []string{"LOCKFORGE_EXECUTOR_TASK_MEMORY"}, Form: Size, Least: "64MiB", Otherwise: "no bound",
			Meaning: "Bound of one run's memory. EXECUTOR_TASK_MEMORY_LIMIT of a run can only lower it.",
			field:   func(c *Config) any { return &c.Limits.Memory },
		},
		{
			Key: "limits.file_size", Names: []string{"LOCKFORGE_EXECUTOR_TASK_FILE_SIZE"}, Form: Size, Otherwise: "no bound",
			Meaning: "Bound of each file that a run writes.",
			field:   func(c *Config) any { return &c.Limits.FileSize },
		},
		{
			Key: "limits.open_files", Names: []string{"LOCKFORGE_EXECUTOR_TASK_OPEN_FILES"}, Form: Number, Default: "4096", Least: "64", Most: "1048576",
			Meaning: "Bound of one run's descriptors.",
			field:   func(c *Config) any { return &c.Limits.OpenFiles },
		},
		{
			Key: "limits.processes", Names: []string{"LOCKFORGE_EXECUTOR_TASK_PROCESSES"}, Form: Number, Default: "0", Most: "4194304",
			Meaning: "Bound of the processes and threads of the executor's user, all runs and the executor together; 0 is none.",
			field:   func(c *Config) any { return &c.Limits.Processes },
		},
		{
			Key: "capacity.workers", Names: []string{"DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS"}, Form: Number, Default: "4", Least: "1", Most: "1000",
			Meaning: "How many runs go on at once. A run without a weight has one part of this many.",
			field:   func(c *Config) any { return &c.Capacity.Workers },
		},
		{
			Key: "capacity.observe", Names: []string{"DATAHUB_EXECUTOR_MONITORS_MAX_WORKERS"}, Form: Number, Default: "10", Least: "1", Most: "1000",
			Meaning: "How many assertions are evaluated at once, in a pool of their own.",
			field:   func(c *Config) any { return &c.Capacity.Observe },
		},
		{
			Key: "capacity.overtake", Names: []string{"LOCKFORGE_EXECUTOR_OVERTAKE"}, Form: Number, Default: "8", Most: "1000",
			Meaning: "How many small runs may pass a big one that waits for its weight.",
			field:   func(c *Config) any { return &c.Capacity.Overtake },
		},
	}
}

// stateSettings are about what is kept on disk.
func stateSettings() []Setting {
	return []Setting{
		{
			Key: "state.dir", Names: []string{"LOCKFORGE_EXECUTOR_STATE_DIR"}, Form: Text, Default: contract.StatePath,
			Meaning: "Directory of the journal. What was accepted and not delivered survives a restart where this does.",
			field:   func(c *Config) any { return &c.State.Dir },
		},
		{
			Key: "state.ephemeral", Names: []string{"LOCKFORGE_EXECUTOR_STATE_EPHEMERAL"}, Form: Switch, Default: "false",
			Meaning: "Whether that directory goes with the executor, as an emptyDir does with its pod. Then runs that wait are ended with FAILURE when the executor drains: nobody would go on with them.",
			field:   func(c *Config) any { return &c.State.Ephemeral },
		},
		{
			Key: "state.keep", Names: []string{"LOCKFORGE_EXECUTOR_STATE_KEEP_DAYS"}, Form: Days, Default: "30", Least: "1", Most: "3650",
			Meaning: "How long the id of a delivered run is remembered, so that a second delivery does not start it again.",
			field:   func(c *Config) any { return &c.State.Keep },
		},
		{
			Key: "state.keep_ids", Names: []string{"LOCKFORGE_EXECUTOR_STATE_KEEP_IDS"}, Form: Number, Default: "100000", Least: "1000", Most: "10000000",
			Meaning: "How many such ids at most.",
			field:   func(c *Config) any { return &c.State.KeepIDs },
		},
		{
			Key: "logs.level", Names: []string{"LOCKFORGE_EXECUTOR_LOG_LEVEL"}, Form: Text, Default: "info", Choices: []string{"debug", "info", "warn", "error"},
			Meaning: "Least level of the executor's own log lines, which go to standard output.",
			field:   func(c *Config) any { return &c.Logs.Level },
		},
		{
			Key: "logs.format", Names: []string{"LOCKFORGE_EXECUTOR_LOG_FORMAT"}, Form: Text, Default: "json", Choices: []string{"json", "text"},
			Meaning: "Form of those lines.",
			field:   func(c *Config) any { return &c.Logs.Format },
		},
		{
			Key: "logs.echo", Names: []string{"DATAHUB_EXECUTOR_PRINT_SUBPROCESS_LOGS"}, Form: Switch, Default: "true",
			Meaning: "Whether the lines of runs go to standard output too.",
			field:   func(c *Config) any { return &c.Logs.Echo },
		},
		{
			Key: "logs.dir", Names: []string{"DATAHUB_EXECUTOR_LOG_DIR"}, Form: Text, Default: "/tmp/datahub/logs",
			Meaning: "Directory of the logs and reports of runs, one directory per run.",
			field:   func(c *Config) any { return &c.Logs.Dir },
		},
		{
			Key: "logs.work", Names: []string{"LOCKFORGE_EXECUTOR_WORK_DIR"}, Form: Text, Otherwise: "`" + defaultWork + "`, or `" + workBesideLogs + "` in the directory of logs where that cannot be made",
			Meaning: "Directory of the scratch directories of runs, which are removed with the run. It is the executor's alone.",
			field:   func(c *Config) any { return &c.Logs.Work },
		},
		{
			Key: "logs.file_bytes", Names: []string{"LOCKFORGE_EXECUTOR_LOG_FILE_BYTES"}, Form: Bytes, Default: "64MiB", Least: "1MiB", Most: "10GiB",
			Meaning: "Size at which the log file of a run is rotated.",
			field:   func(c *Config) any { return &c.Logs.FileBytes },
		},
		{
			Key: "logs.files", Names: []string{"LOCKFORGE_EXECUTOR_LOG_FILES"}, Form: Number, Default: "4", Least: "1", Most: "100",
			Meaning: "How many such files are kept of a run.",
			field:   func(c *Config) any { return &c.Logs.Files },
		},
		{
			Key: "logs.gc", Names: []string{"DATAHUB_EXECUTOR_LOG_GC_ENABLED"}, Form: Switch, Default: "true",
			Meaning: "Whether old logs are removed. Upstream's default is false.",
			field:   func(c *Config) any { return &c.Logs.GC },
		},
		{
			Key: "logs.retention", Names: []string{"DATAHUB_EXECUTOR_LOG_GC_RETENTION_DAYS", "DATAHUB_EXECUTOR_LOG_RETENTION_DAYS"}, Form: Days, Default: "14", Most: "3650",
			Meaning: "Age at which the logs of a run are removed.",
			field:   func(c *Config) any { return &c.Logs.Retention },
		},
		{
			Key: "logs.max_dir_bytes", Names: []string{"DATAHUB_EXECUTOR_LOG_GC_MAX_DIR_SIZE_MB", "DATAHUB_EXECUTOR_LOG_MAX_DIR_SIZE_MB"}, Form: Megabytes, Default: "10000",
			Meaning: "Size of the directory of logs above which the oldest are removed; 0 is no bound.",
			field:   func(c *Config) any { return &c.Logs.MaxDirBytes },
		},
		{
			Key: "logs.gc_interval", Names: []string{"DATAHUB_EXECUTOR_LOG_GC_INTERVAL_SECONDS", "DATAHUB_EXECUTOR_LOG_INTERVAL_SECONDS"}, Form: Seconds, Default: "3600", Least: "10",
			Meaning: "Time between two such removals.",
			field:   func(c *Config) any { return &c.Logs.GCInterval },
		},
		{
			Key: "logs.in_flight_grace", Names: []string{"DATAHUB_EXECUTOR_LOG_GC_IN_FLIGHT_GRACE_SECONDS", "DATAHUB_EXECUTOR_LOG_IN_FLIGHT_GRACE_SECONDS"}, Form: Seconds, Default: "3600",
			Meaning: "Logs that changed since this long ago stay.",
			field:   func(c *Config) any { return &c.Logs.InFlightGrace },
		},
	}
}
