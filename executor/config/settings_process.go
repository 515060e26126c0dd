package config

import "github.com/lockforge/lockforge/executor/contract"

// processSettings are about the executor as a whole.
func processSettings() []Setting {
	return []Setting{
		{
			Key: "instance", Names: []string{"LOCKFORGE_EXECUTOR_INSTANCE"}, Form: Text,
			Otherwise: "the host's name and a random part, which the state directory keeps",
			Meaning:   "Name of this process in claims of runs. No two executors of a pool may have the same.",
			field:     func(c *Config) any { return &c.Instance },
		},
		{
			Key: "mode", Names: []string{"DATAHUB_EXECUTOR_MODE"}, Form: Text, Default: "worker", Choices: []string{"worker", "kafka-worker"},
			Meaning: "Upstream's way of receiving runs in DataHub Cloud, which is not public. Here it is a label of the metrics; `sources` says where runs come from.",
			field:   func(c *Config) any { return &c.Mode },
		},
		{
			Key: "pools", Names: []string{"EXECUTOR_ID", "DATAHUB_EXECUTOR_POOL_ID", "DATAHUB_EXECUTOR_POOL_NAME", "DATAHUB_EXECUTOR_WORKER_ID"},
			Form: List, Default: "default",
			Meaning: "Executor ids, which are pool ids, whose runs this executor takes.",
			field:   func(c *Config) any { return &c.Pools },
		},
		{
			Key: "sources", Names: []string{"LOCKFORGE_EXECUTOR_SOURCES"}, Form: List, Choices: []string{SourceKafka, SourcePoll},
			Otherwise: "kafka where there are brokers, or else poll",
			Meaning:   "Where runs come from. Both at once is allowed: a run that both deliver is started once.",
			field:     func(c *Config) any { return &c.Sources },
		},
		{
			Key: "drain.wait", Names: []string{"LOCKFORGE_EXECUTOR_DRAIN_WAIT"}, Form: Seconds, Default: "120",
			Meaning: "How long running tasks may go on after SIGTERM before they are told to end. With the two graces it has to be less than the container's termination grace period, 150 seconds in upstream's chart.",
			field:   func(c *Config) any { return &c.Drain.Wait },
		},
		{
			Key: "drain.grace", Names: []string{"DATAHUB_EXECUTOR_GRACEFUL_SHUTDOWN_PERIOD"}, Form: Seconds, Default: "15",
			Meaning: "How long the end of tasks and the delivery of their results may take after that. What is not delivered by then is delivered after the next start.",
			field:   func(c *Config) any { return &c.Drain.Grace },
		},
		{
			Key: "venvs.root", Names: []string{contract.EnvVenvPath}, Form: Text, Default: contract.DefaultVenvPath,
			Meaning: "Directory of the bundled venvs.",
			field:   func(c *Config) any { return &c.Venvs.Root },
		},
		{
			Key: "venvs.version", Names: []string{"LOCKFORGE_EXECUTOR_VERSION_POLICY"}, Form: Text, Default: VersionSame,
			Choices: []string{VersionStrict, VersionSame, VersionBundled},
			Meaning: "What happens to a run that asks for another CLI version than `bundled`: strict refuses it, same-version runs it where it asks for the version that is bundled, always-bundled runs it with that and says so in the report.",
			field:   func(c *Config) any { return &c.Venvs.Version },
		},
	}
}
