package config

// sourceSettings are about where runs and their secrets come from.
func sourceSettings() []Setting {
	return []Setting{
		{
			Key: "kafka.brokers", Names: []string{"KAFKA_BOOTSTRAP_SERVER"}, Form: List,
			Meaning: "Addresses of brokers, host:port.",
			field:   func(c *Config) any { return &c.Kafka.Brokers },
		},
		{
			Key: "kafka.topic", Names: []string{"METADATA_CHANGE_LOG_VERSIONED_TOPIC_NAME"}, Form: Text, Default: "MetadataChangeLog_Versioned_v1",
			Meaning: "Topic of the metadata change log.",
			field:   func(c *Config) any { return &c.Kafka.Topic },
		},
		{
			Key: "kafka.group", Names: []string{"DATAHUB_ACTIONS_INGESTION_EXECUTOR_CONSUMER_GROUP_ID"}, Form: Text, Default: "ingestion_executor",
			Meaning: "Consumer group. Executors of one pool share it; those of different pools must not.",
			field:   func(c *Config) any { return &c.Kafka.Group },
		},
		{
			Key: "kafka.registry", Names: []string{"SCHEMA_REGISTRY_URL"}, Form: URL, Otherwise: "the server's own, <gms.url>/schema-registry/api",
			Meaning: "URL of the schema registry. Its credentials are user:password in KAFKA_PROPERTIES_BASIC_AUTH_USER_INFO.",
			field:   func(c *Config) any { return &c.Kafka.RegistryURL },
		},
		{
			Key: "kafka.start_at", Names: []string{"KAFKA_AUTO_OFFSET_POLICY"}, Form: Text, Default: "latest", Choices: []string{"latest", "earliest"},
			Meaning: "Where a group begins that has no offsets yet. latest leaves out what was sent before the first start.",
			field:   func(c *Config) any { return &c.Kafka.StartAt },
		},
		{
			Key: "poll.interval", Names: []string{"LOCKFORGE_EXECUTOR_POLL_INTERVAL"}, Form: Seconds, Default: "10", Least: "1", Most: "3600",
			Meaning: "Time between two questions for new runs.",
			field:   func(c *Config) any { return &c.Poll.Interval },
		},
		{
			Key: "poll.settle", Names: []string{"LOCKFORGE_EXECUTOR_POLL_SETTLE"}, Form: Seconds, Default: "0", Most: "600",
			Meaning: "How long a claim has to stand before a run starts, for a server that takes a second CREATE of an aspect for an update, where several executors ask for the same pool. 0 is for servers that refuse it.",
			field:   func(c *Config) any { return &c.Poll.Settle },
		},
		{
			Key: "poll.sweep", Names: []string{"LOCKFORGE_EXECUTOR_POLL_SWEEP"}, Form: Switch, Default: "false",
			Meaning: "Write ABORTED for runs of the pools that have been silent for too long, whoever ran them.",
			field:   func(c *Config) any { return &c.Poll.Sweep },
		},
		{
			Key: "poll.sweep_after", Names: []string{"DATAHUB_EXECUTOR_SWEEPER_ABORT_THRESHOLD"}, Form: Seconds, Default: "3600", Least: "1200",
			Meaning: "How long a run is silent before it is swept. Live ones report every 10 minutes at least.",
			field:   func(c *Config) any { return &c.Poll.SweepAfter },
		},
		{
			Key: "signals.interval", Names: []string{"DATAHUB_EXECUTOR_INGESTION_SIGNAL_POLL_INTERVAL"}, Form: Seconds, Default: "2", Least: "0.5", Most: "3600",
			Meaning: "Time between two questions for signals to runs that are going on here. They are asked beside Kafka, too, which may give a signal to another executor than the one that has the run.",
			field:   func(c *Config) any { return &c.Signals.Interval },
		},
	}
}

func secretSettings() []Setting {
	return []Setting{
		{
			Key: "secrets.stores", Names: []string{"LOCKFORGE_EXECUTOR_SECRET_STORES"}, Form: List, Default: "env,file",
			Choices: []string{StoreEnv, StoreFile, StoreDataHub, StoreAWS, StoreGCP},
			Meaning: "Where the secrets of recipes come from; a later store overrules an earlier one. Upstream's order is env,file,datahub; datahub needs credentials that the server lets decrypt.",
			field:   func(c *Config) any { return &c.Secrets.Stores },
		},
		{
			Key: "secrets.env", Names: []string{"LOCKFORGE_EXECUTOR_SECRET_ENV"}, Form: List,
			Meaning: "Variables of the executor that recipes may name, for the store env: whole names, or beginnings with a * after them. Its own credentials are never among those that a * stands for.",
			field:   func(c *Config) any { return &c.Secrets.Env },
		},
		{
			Key: "secrets.dir", Names: []string{"DATAHUB_EXECUTOR_FILE_SECRET_BASEDIR"}, Form: Text, Default: "/mnt/secrets",
			Meaning: "Directory of one file per secret, for the store file. The files are read for each run.",
			field:   func(c *Config) any { return &c.Secrets.Dir },
		},
		{
			Key: "secrets.file_bytes", Names: []string{"DATAHUB_EXECUTOR_FILE_SECRET_MAXLEN"}, Form: Bytes, Default: "1024768", Least: "1", Most: "1MiB",
			Meaning: "Bound of one file. A larger one fails the run; it is not cut. No value of any store has more than 1024768 bytes.",
			field:   func(c *Config) any { return &c.Secrets.FileBytes },
		},
		{
			Key: "secrets.timeout", Names: []string{"LOCKFORGE_EXECUTOR_SECRET_TIMEOUT"}, Form: Seconds, Default: "30", Least: "1", Most: "600",
			Meaning: "Time for one question to one store.",
			field:   func(c *Config) any { return &c.Secrets.Timeout },
		},
		{
			Key: "secrets.aws_region", Names: []string{"LOCKFORGE_EXECUTOR_AWS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"}, Form: Text,
			Meaning: "Region, for the store aws-sm. Credentials are found as the AWS SDK finds them.",
			field:   func(c *Config) any { return &c.Secrets.AWS.Region },
		},
		{
			Key: "secrets.aws_prefix", Names: []string{"LOCKFORGE_EXECUTOR_AWS_PREFIX"}, Form: Text,
			Meaning: "What the names of secrets begin with in the store aws-sm.",
			field:   func(c *Config) any { return &c.Secrets.AWS.Prefix },
		},
		{
			Key: "secrets.aws_endpoint", Names: []string{"LOCKFORGE_EXECUTOR_AWS_ENDPOINT", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"}, Form: URL,
			Otherwise: "the region's",
			Meaning:   "Endpoint of the store aws-sm.",
			field:     func(c *Config) any { return &c.Secrets.AWS.Endpoint },
		},
		{
			Key: "secrets.aws_cache", Names: []string{"LOCKFORGE_EXECUTOR_AWS_CACHE"}, Form: Seconds, Default: "300", Least: "1", Most: "86400",
			Meaning: "How long a value of the store aws-sm is remembered.",
			field:   func(c *Config) any { return &c.Secrets.AWS.CacheTTL },
		},
		{
			Key: "secrets.gcp_project", Names: []string{"LOCKFORGE_EXECUTOR_GCP_PROJECT", "GOOGLE_CLOUD_PROJECT"}, Form: Text,
			Meaning: "Project, for the store gcp-sm. Credentials are found as Google's libraries find them.",
			field:   func(c *Config) any { return &c.Secrets.GCP.Project },
		},
		{
			Key: "secrets.gcp_prefix", Names: []string{"LOCKFORGE_EXECUTOR_GCP_PREFIX"}, Form: Text,
			Meaning: "What the names of secrets begin with in the store gcp-sm.",
			field:   func(c *Config) any { return &c.Secrets.GCP.Prefix },
		},
		{
			Key: "secrets.gcp_endpoint", Names: []string{"LOCKFORGE_EXECUTOR_GCP_ENDPOINT"}, Form: Text, Otherwise: "Google's",
			Meaning: "Endpoint of the store gcp-sm, host:port.",
			field:   func(c *Config) any { return &c.Secrets.GCP.Endpoint },
		},
		{
			Key: "secrets.gcp_cache", Names: []string{"LOCKFORGE_EXECUTOR_GCP_CACHE"}, Form: Seconds, Default: "300", Least: "1", Most: "86400",
			Meaning: "How long a value of the store gcp-sm is remembered.",
			field:   func(c *Config) any { return &c.Secrets.GCP.CacheTTL },
		},
		{
			Key: "secrets.datahub_cache", Names: []string{"LOCKFORGE_EXECUTOR_DATAHUB_CACHE"}, Form: Seconds, Default: "0", Most: "86400",
			Meaning: "How long a value of the store datahub is remembered; 0 is not at all.",
			field:   func(c *Config) any { return &c.Secrets.DataHubCache },
		},
	}
}
