package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options say what is shown beside what the methods of Metrics are told. The
// functions are called for each scrape and must return soon.
type Options struct {
	// Internal and Mode are the values of upstream's labels executor_internal
	// and executor_mode.
	Internal bool
	Mode     string
	// Pools returns the pools of tasks; upstream's are "ingestions" and "assertions".
	Pools func() []Pool
	// Undelivered returns how many results the server has not taken.
	Undelivered func() int
	Sources     []Source
	Build       Build
	Resources   Resources
	Now         func() time.Time // time.Now where nil
}

// Pool is the state of one pool of tasks. Weights are parts of the whole: 1 is
// all of it.
type Pool struct {
	Name                     string
	Workers, Active, Waiting int
	MaxWeight, Weight        float64
}

// Source is what a queue.Source says about itself.
type Source interface {
	Name() string
	LastPoll() time.Time
}

// Build is what the image was built from.
type Build struct{ Version, CLIVersion, LockDigest string }

// Metrics counts. It is safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	now       func() time.Time
	counters  map[string]*prometheus.CounterVec
	gauges    map[string]*prometheus.GaugeVec
	summaries map[string]*prometheus.SummaryVec
}

// New returns metrics that nothing has been counted in.
func New(o Options) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), now: o.Now,
		counters:  map[string]*prometheus.CounterVec{},
		gauges:    map[string]*prometheus.GaugeVec{},
		summaries: map[string]*prometheus.SummaryVec{},
	}
	if m.now == nil {
		m.now = time.Now
	}
	internal := "False" // as Python writes it
	if o.Internal {
		internal = "True"
	}
	common := prometheus.WrapRegistererWith(prometheus.Labels{"executor_internal": internal, "executor_mode": o.Mode}, m.registry)
	for _, d := range workTable() {
		m.register(common, d)
	}
	m.gauges[buildInfo].WithLabelValues(o.Build.Version, o.Build.CLIVersion, o.Build.LockDigest).Set(1)
	common.MustRegister(&scrape{options: o, descs: descriptions()})
	m.registry.MustRegister(
		newResources(o.Resources),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	)
	return m
}

// scraped are the metrics that are asked for and not told.
var scraped = []string{maxWorkers, activeWorkers, maxWeight, activeWeight, waiting, undelivered, lastPoll}

func (m *Metrics) register(r prometheus.Registerer, d Definition) {
	if slices.Contains(scraped, d.Name) {
		return
	}
	switch d.Kind {
	case Counter:
		m.counters[d.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
		r.MustRegister(m.counters[d.Name])
	case Gauge:
		m.gauges[d.Name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.Help}, d.Labels)
		r.MustRegister(m.gauges[d.Name])
	case Summary:
		m.summaries[d.Name] = prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: d.Name, Help: d.Help}, d.Labels)
		r.MustRegister(m.summaries[d.Name])
	}
	if len(d.Labels) == 0 {
		m.zero(d)
	}
}

// zero shows a metric before anything was counted, so that its first step is
// seen as one.
func (m *Metrics) zero(d Definition) {
	switch d.Kind {
	case Counter:
		m.counters[d.Name].WithLabelValues()
	case Gauge:
		m.gauges[d.Name].WithLabelValues()
	case Summary:
		m.summaries[d.Name].WithLabelValues()
	}
}

func (m *Metrics) count(name string, labels ...string) {
	m.counters[name].WithLabelValues(labels...).Inc()
}

func (m *Metrics) add(name string, n int) { m.counters[name].WithLabelValues().Add(float64(max(n, 0))) }

func (m *Metrics) took(name string, d time.Duration, labels ...string) {
	m.summaries[name].WithLabelValues(labels...).Observe(d.Seconds())
}

// scrape collects what Options has functions for.
type scrape struct {
	options Options
	descs   map[string]*prometheus.Desc
}

func descriptions() map[string]*prometheus.Desc {
	descs := map[string]*prometheus.Desc{}
	for _, d := range workTable() {
		if slices.Contains(scraped, d.Name) {
			descs[d.Name] = prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
		}
	}
	return descs
}

// Describe is part of prometheus.Collector.
func (s *scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, name := range scraped {
		ch <- s.descs[name]
	}
}

// Collect is part of prometheus.Collector.
func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	gauge := func(name string, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(s.descs[name], prometheus.GaugeValue, value, labels...)
	}
	if s.options.Pools != nil {
		for _, p := range s.options.Pools() {
			gauge(maxWorkers, float64(p.Workers), p.Name)
			gauge(activeWorkers, float64(p.Active), p.Name)
			gauge(waiting, float64(p.Waiting), p.Name)
			gauge(maxWeight, p.MaxWeight, p.Name)
			gauge(activeWeight, p.Weight, p.Name)
		}
	}
	if s.options.Undelivered != nil {
		gauge(undelivered, float64(s.options.Undelivered()))
	}
	for _, source := range s.options.Sources {
		var at float64
		if last := source.LastPoll(); !last.IsZero() {
			at = float64(last.UnixMilli()) / 1000
		}
		gauge(lastPoll, at, source.Name())
	}
}
