// Package kafkatest gives tests a real Kafka broker: one KRaft node on
// loopback, started by scripts/kafka.sh, that can be killed and started again,
// and the changes of a stand-in GMS as events in its topics.
package kafkatest
