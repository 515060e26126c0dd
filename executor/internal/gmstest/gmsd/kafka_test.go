package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/internal/testenv"
)

func TestTellsChangesToKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a broker")
	}
	if os.Getenv("LOCKFORGE_CLI_WHEEL") == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL does not name a wheel of acryl-datahub")
	}
	broker := kafkatest.Start(t, kafkatest.Options{})
	url := begin(t, "-kafka", broker.Address)
	if status, text := call(t, "PUT", url+"/gmstest/requests/r", "{}"); status != 200 {
		t.Fatal(status, text)
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(broker.Address), kgo.ConsumeTopics(gmstest.ChangeLogTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	fetched := consumer.PollFetches(ctx)
	if err := fetched.Err(); err != nil {
		t.Fatal(err)
	}
	records := fetched.Records()
	if len(records) != 1 || len(records[0].Value) < 5 || records[0].Value[0] != 0 || records[0].Value[4] != gmstest.ChangeLogID {
		t.Errorf("records = %v", records)
	}
}
