package kafka_test

import (
	"os"
	"testing"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
