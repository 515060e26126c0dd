package kafka_test

import (
	"os"
	"testing"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(consumerFile); file != "" {
		os.Exit(consume(file))
	}
	os.Exit(kafkatest.Main(m))
}
