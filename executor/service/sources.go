package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/queue/kafka"
	"github.com/lockforge/lockforge/executor/queue/kafka/msk"
	"github.com/lockforge/lockforge/executor/queue/poll"
)

func (s *Service) openSources(context.Context) error {
	for _, name := range s.config.Sources {
		var err error
		switch name {
		case config.SourceKafka:
			err = s.addKafka()
		case config.SourcePoll:
			err = s.addPoll()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	if slices.Contains(s.config.Sources, config.SourcePoll) {
		return nil // it asks for signals, too
	}
	signals, err := poll.New(s.polling(poll.Options{SignalsOnly: true}))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.signals = signals
	return nil
}

func (s *Service) addKafka() error {
	c := s.config.Kafka
	source, err := kafka.New(kafka.Options{
		Brokers: c.Brokers, Topic: c.Topic, Group: c.Group, RegistryURL: c.RegistryURL, Registry: s.gms.HTTP(),
		Properties: c.Properties, StartAt: c.StartAt, Pools: s.config.Pools, Log: s.log,
		AWS: new(msk.Chain).Credentials, Read: s.read,
	})
	if err != nil {
		return err
	}
	for _, note := range source.Notes() {
		s.log.Warn("kafka", "note", note)
	}
	s.sources = append(s.sources, watched{source, s})
	return nil
}

// read counts the events of Kafka, and those among them that are for us.
func (s *Service) read(all, ours int) {
	if all > 0 {
		s.passing.Store(true)
	}
	s.metrics.Events(all, ours)
}

func (s *Service) addPoll() error {
	c := s.config.Poll
	o := s.polling(poll.Options{Interval: c.Interval})
	if c.Sweep {
		o.Sweep = &poll.Sweep{Write: s.abort, After: c.SweepAfter}
	}
	source, err := poll.New(o)
	if err != nil {
		return err
	}
	s.sources = append(s.sources, watched{source, s})
	return nil
}

// polling is what every source that asks the server needs.
func (s *Service) polling(o poll.Options) poll.Options {
	o.Server, o.Pools, o.Running = counted{s.gms, s}, s.config.Pools, s.running
	o.SignalInterval, o.Log = s.config.Signals.Interval, s.log
	return o
}

// running are the runs that a signal would mean something to; none where the
// sources are only to be checked.
func (s *Service) running() []string {
	if s.worker == nil {
		return nil
	}
	return s.worker.Running()
}
