package metrics

import (
	"path/filepath"
	"strconv"
	"strings"
)

// limit is a bound that a cgroup sets; collector is upstream's word for its
// version.
type limit struct {
	value     float64
	collector string
}

// least returns the smallest bound. Some platforms set one far above what the
// host has where the user set none, so the host's counts too.
func least(host float64, limits []limit) (float64, string) {
	smallest := limit{host, "host"}
	for _, l := range limits {
		if l.value < smallest.value {
			smallest = l
		}
	}
	return smallest.value, smallest.collector
}

// memoryLimits are in bytes.
func memoryLimits(root string) (limits []limit) {
	if n, ok := positive(readFile(filepath.Join(root, "memory.max"))); ok {
		limits = append(limits, limit{n, "cgroup2"})
	}
	if n, ok := positive(readFile(filepath.Join(root, "memory", "memory.limit_in_bytes"))); ok {
		limits = append(limits, limit{n, "cgroup"})
	}
	return limits
}

// cpuLimits are in percent of one core.
func cpuLimits(root string) (limits []limit) {
	if fields := strings.Fields(readFile(filepath.Join(root, "cpu.max"))); len(fields) == 2 {
		limits = share(limits, fields[0], fields[1], "cgroup2")
	}
	v1 := filepath.Join(root, "cpu")
	return share(limits, readFile(filepath.Join(v1, "cpu.cfs_quota_us")), readFile(filepath.Join(v1, "cpu.cfs_period_us")), "cgroup")
}

func share(limits []limit, quota, period, collector string) []limit {
	q, ok := positive(quota)
	p, known := positive(period)
	if !ok || !known {
		return limits
	}
	return append(limits, limit{q / p * 100, collector})
}

// positive reads a number of a cgroup; "max" and -1 are none.
func positive(text string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return n, err == nil && n > 0
}
