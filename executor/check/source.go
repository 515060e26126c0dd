package check

import "context"

var fixSources = map[string]string{
	"kafka":   "look at KAFKA_BOOTSTRAP_SERVER, KAFKA_PROPERTIES_*, METADATA_CHANGE_LOG_VERSIONED_TOPIC_NAME and SCHEMA_REGISTRY_URL, and at the rights of the Kafka user to read the topic and the consumer group; with AWS_MSK_IAM those are kafka-cluster:Connect, DescribeTopic, ReadData, DescribeGroup and AlterGroup",
	"signals": "give the owner of the token the privilege to read execution requests: a KILL that Kafka gives to another executor is read from the server",
	"gms":     "give the owner of the token the privilege to search and read execution requests",
}

// findings asks a source whether it can be reached and read.
func findings(source Source) func(context.Context) Findings {
	return func(ctx context.Context) (f Findings) {
		if noting, ok := source.(interface{ Notes() []string }); ok {
			for _, note := range noting.Notes() {
				f.warn(Configuration, "", "%s", note)
			}
		}
		if err := source.Check(ctx); err != nil {
			f.fail(Environment, fixSources[source.Name()], "%v", err)
			return f
		}
		f.note("reached and readable; nothing was taken from it")
		return f
	}
}
