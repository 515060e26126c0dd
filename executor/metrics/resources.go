package metrics

import (
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// Resources say where the state of process and host is read.
type Resources struct {
	Proc   string // "" is /proc
	Cgroup string // "" is /sys/fs/cgroup
	// Paths are directories whose file systems are shown. Upstream shows all
	// mounted ones; asking one that hangs would hang the scrape, and only
	// these can fill up by what the executor does.
	Paths []string
	PID   int // 0 is this process
}

// resource is a metric of process or host.
type resource struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// resources collects by upstream's names. Those that only grow are counters.
type resources struct {
	o     Resources
	descs map[string]resource

	mu        sync.Mutex
	busy      hostTimes          // of the scrape before, for the usage of the host
	groupTime map[string]float64 // the most that was shown, by kind
}

func newResources(o Resources) *resources {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Cgroup == "" {
		o.Cgroup = "/sys/fs/cgroup"
	}
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	r := &resources{o: o, descs: map[string]resource{}, groupTime: map[string]float64{}}
	for _, d := range resourceTable() {
		kind := prometheus.GaugeValue
		if d.Kind == Counter {
			kind = prometheus.CounterValue
		}
		name := strings.TrimPrefix(d.Name, upstream)
		r.descs[name] = resource{prometheus.NewDesc(d.Name, d.Help, d.Labels, nil), kind}
	}
	return r
}

// Describe is part of prometheus.Collector.
func (r *resources) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		ch <- d.desc
	}
}

// show is how one value gets into a scrape.
type show func(name string, value float64, labels ...string)

// Collect is part of prometheus.Collector. What cannot be read is left out.
func (r *resources) Collect(ch chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put := func(name string, value float64, labels ...string) {
		d := r.descs[name]
		ch <- prometheus.MustNewConstMetric(d.desc, d.kind, value, labels...)
	}
	r.processes(put)
	r.host(put)
	r.disks(put)
	for _, nic := range interfaces(filepath.Join(r.o.Proc, "net", "dev")) {
		put("net_bytes_recv", nic.in.bytes, nic.name)
		put("net_packets_recv", nic.in.packets, nic.name)
		put("net_errors_in", nic.in.errors, nic.name)
		put("net_dropin", nic.in.dropped, nic.name)
		put("net_bytes_sent", nic.out.bytes, nic.name)
		put("net_packets_sent", nic.out.packets, nic.name)
		put("net_errors_out", nic.out.errors, nic.name)
		put("net_dropout", nic.out.dropped, nic.name)
	}
}

func (r *resources) processes(put show) {
	all := processes(r.o.Proc)
	self, ok := all[r.o.PID]
	if !ok {
		return
	}
	put("memory_usage_process", self.rss, "rss")
	put("memory_usage_process", self.vms, "vms")
	put("cpu_usage_process", self.user, "user")
	put("cpu_usage_process", self.system, "system")
	group := process{rss: self.rss, vms: self.vms, user: self.endedUser, system: self.endedSystem}
	for _, p := range descendants(all, r.o.PID) {
		group.rss += p.rss
		group.vms += p.vms
		group.user += p.user + p.endedUser
		group.system += p.system + p.endedSystem
	}
	put("memory_usage_processgroup", group.rss, "rss")
	put("memory_usage_processgroup", group.vms, "vms")
	put("cpu_usage_processgroup", r.grown("user", group.user), "user")
	put("cpu_usage_processgroup", r.grown("system", group.system), "system")
}

// grown keeps a sum over processes from going back: one that ends between two
// readings is in neither of them for a moment, and a counter that goes back is
// taken for one that began again.
func (r *resources) grown(kind string, value float64) float64 {
	r.groupTime[kind] = max(r.groupTime[kind], value)
	return r.groupTime[kind]
}

func (r *resources) host(put show) {
	total, used := memory(filepath.Join(r.o.Proc, "meminfo"))
	put("memory_limit_host", total)
	put("memory_usage_host", used)
	limit, collector := least(total, memoryLimits(r.o.Cgroup))
	put("memory_limit_processgroup", limit, collector)

	times := cpuTimes(filepath.Join(r.o.Proc, "stat"))
	percent := float64(times.cores) * 100
	put("cpu_limit_host", percent)
	put("cpu_usage_host", times.usage(r.busy))
	r.busy = times
	limit, collector = least(percent, cpuLimits(r.o.Cgroup))
	put("cpu_limit_processgroup", limit, collector)
}

func (r *resources) disks(put show) {
	for _, m := range mountsOf(filepath.Join(r.o.Proc, "self", "mountinfo"), r.o.Paths) {
		var s unix.Statfs_t
		if err := unix.Statfs(m.point, &s); err != nil {
			continue
		}
		block := float64(s.Bsize)
		put("disk_bytes_total", float64(s.Blocks)*block, m.device, m.point, m.kind)
		put("disk_bytes_used", float64(s.Blocks-s.Bfree)*block, m.device, m.point, m.kind)
		put("disk_bytes_free", float64(s.Bavail)*block, m.device, m.point, m.kind)
	}
}
