package sim

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets of at most 1/64 relative width;
// shorter than 64 ns it is exact.
type histogram struct {
	counts [64 * 59]int64
	total  int64
}

func (h *histogram) add(ns int64) {
	h.counts[bucketOf(ns)]++
	h.total++
}

// bucketOf keeps the six bits below the leading one.
func bucketOf(ns int64) int {
	u := uint64(max(ns, 0))
	if u < 64 {
		return int(u)
	}
	shift := bits.Len64(u) - 7
	return shift*64 + int(u>>shift)
}

// top is the largest duration in a bucket.
func top(bucket int) int64 {
	if bucket < 128 {
		return int64(bucket)
	}
	shift := bucket/64 - 1
	return int64(bucket-shift*64+1)<<shift - 1
}

// quantile returns a duration that at least the share q of all do not exceed,
// at most 1/64 above the smallest such; 0 if nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q*float64(h.total) + 0.999999)
	var below int64
	for b, n := range h.counts {
		below += n
		if below >= rank && n > 0 {
			return time.Duration(top(b))
		}
	}
	return 0
}
