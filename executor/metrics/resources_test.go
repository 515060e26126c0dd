package metrics_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lockforge/lockforge/executor/metrics"
)

// files are laid below a directory.
type files map[string]string

func (f files) lay(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range f {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// stat is a row of /proc/<pid>/stat: parent, times in ticks and pages.
func stat(pid, parent int, user, system, endedUser, endedSystem, vms, rss string) string {
	return strconv.Itoa(pid) + " (a ) name) S " + strconv.Itoa(parent) + " 1 1 0 -1 4194304 1 0 0 0 " +
		user + " " + system + " " + endedUser + " " + endedSystem + " 20 0 1 0 100 " + vms + " " + rss + " 0"
}

func proc() files {
	return files{
		"10/stat": stat(10, 1, "100", "50", "200", "20", "4096", "1"),
		"11/stat": stat(11, 10, "300", "0", "0", "0", "8192", "2"),
		"12/stat": stat(12, 11, "0", "400", "0", "0", "0", "3"),
		"13/stat": stat(13, 1, "9999", "9999", "0", "0", "1", "1"),
		"14/stat": "14 (broken",
		"meminfo": "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n",
		"stat":    "cpu  10 0 10 70 10 0 0 0 50 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 1\n",
		"net/dev": "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
	}
}

func TestResources(t *testing.T) {
	page := float64(os.Getpagesize())
	m := metrics.New(metrics.Options{Resources: metrics.Resources{
		Proc: proc().lay(t), PID: 10,
		Cgroup: files{"memory.max": "512000\n", "cpu.max": "150000 100000\n"}.lay(t),
	}})
	families := get(t, serve(t, m))
	kind := func(k string) map[string]string { return map[string]string{"kind": k} }
	eth0 := map[string]string{"interface": "eth0"}
	for _, tt := range []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"memory_usage_process", kind("rss"), page},
		{"memory_usage_process", kind("vms"), 4096},
		{"memory_usage_processgroup", kind("rss"), 6 * page},
		{"memory_usage_processgroup", kind("vms"), 12288},
		{"memory_limit_processgroup", map[string]string{"collector": "cgroup2"}, 512000},
		{"memory_limit_host", nil, 1000 * 1024},
		{"memory_usage_host", nil, 600 * 1024},
		{"cpu_usage_process", kind("user"), 1},
		{"cpu_usage_process", kind("system"), 0.5},
		{"cpu_usage_processgroup", kind("user"), 5},
		{"cpu_usage_processgroup", kind("system"), 4.2},
		{"cpu_limit_host", nil, 200},
		{"cpu_usage_host", nil, 20},
		{"cpu_limit_processgroup", map[string]string{"collector": "cgroup2"}, 150},
		{"net_bytes_recv", eth0, 1}, {"net_packets_recv", eth0, 2}, {"net_errors_in", eth0, 3}, {"net_dropin", eth0, 4},
		{"net_bytes_sent", eth0, 5}, {"net_packets_sent", eth0, 6}, {"net_errors_out", eth0, 7}, {"net_dropout", eth0, 8},
	} {
		if got := value(t, families, "datahub_executor_"+tt.name, tt.labels); got != tt.want {
			t.Errorf("%s%v is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
}

func TestLimitsOfOldCgroups(t *testing.T) {
	for name, tt := range map[string]struct {
		cgroup    files
		collector string
		want      float64
	}{
		"set":      {files{"memory/memory.limit_in_bytes": "2048", "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, "cgroup", 2048},
		"not set":  {files{"memory/memory.limit_in_bytes": "9223372036854771712", "cpu/cpu.cfs_quota_us": "-1"}, "host", 1000 * 1024},
		"max":      {files{"memory.max": "max", "cpu.max": "max 100000"}, "host", 1000 * 1024},
		"no files": {files{}, "host", 1000 * 1024},
	} {
		t.Run(name, func(t *testing.T) {
			m := metrics.New(metrics.Options{Resources: metrics.Resources{Proc: proc().lay(t), PID: 10, Cgroup: tt.cgroup.lay(t)}})
			families := get(t, serve(t, m))
			labels := map[string]string{"collector": tt.collector}
			if got := value(t, families, "datahub_executor_memory_limit_processgroup", labels); got != tt.want {
				t.Errorf("the limit is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestGroupTimeNeverGoesBack(t *testing.T) {
	root := proc().lay(t)
	m := metrics.New(metrics.Options{Resources: metrics.Resources{Proc: root, PID: 10, Cgroup: t.TempDir()}})
	url := serve(t, m)
	user := map[string]string{"kind": "user"}
	before := value(t, get(t, url), "datahub_executor_cpu_usage_processgroup", user)
	if err := os.RemoveAll(filepath.Join(root, "11")); err != nil { // ended, and not yet waited for
		t.Fatal(err)
	}
	if after := value(t, get(t, url), "datahub_executor_cpu_usage_processgroup", user); after < before {
		t.Errorf("it went from %v to %v", before, after)
	}
}

func TestDisks(t *testing.T) {
	root, dir := proc(), t.TempDir()
	root["self/mountinfo"] = "1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 0:2 / " + dir + " rw shared:1 - tmpfs a\\040name rw\n3 1 0:3 / /elsewhere rw - nfs server rw\n"
	m := metrics.New(metrics.Options{Resources: metrics.Resources{
		Proc: root.lay(t), PID: 10, Cgroup: t.TempDir(),
		Paths: []string{filepath.Join(dir, "state"), filepath.Join(dir, "logs")},
	}})
	families := get(t, serve(t, m))
	total := families["datahub_executor_disk_bytes_total"].GetMetric()
	if len(total) != 1 {
		t.Fatalf("%d file systems, want that of the two directories", len(total))
	}
	labels := map[string]string{"dev": "a name", "mountpoint": dir, "fstype": "tmpfs"}
	size := value(t, families, "datahub_executor_disk_bytes_total", labels)
	used := value(t, families, "datahub_executor_disk_bytes_used", labels)
	free := value(t, families, "datahub_executor_disk_bytes_free", labels)
	if size <= 0 || used < 0 || free < 0 || used+free > size {
		t.Errorf("total %v, used %v, free %v", size, used, free)
	}
}
