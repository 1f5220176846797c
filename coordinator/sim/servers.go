package sim

import (
	"fmt"
	"time"
)

// Servers makes all models of a workload share the servers of one group.
//
// A server takes Options.Boot to be up. Then it loads one copy after the other,
// Options.Start each; a load that has begun runs to its end. A copy holds its
// size in memory from the order of its load until it is unloaded, which is when
// the last request that it serves has ended.
type Servers struct {
	Slots  int                      // requests a server serves at once, of whatever models, >= 1
	Memory int64                    // units of memory of a server, >= 1
	Size   func(model string) int64 // units that a copy holds, in [1, Memory]; nil: 1 each
	// Overcommit is by which fraction of Memory the copies on a server may exceed it,
	// >= 0. The server then evicts the least recently used copy that runs nothing,
	// and loads it again when a request finds no other.
	Overcommit float64
	// HideReloads has the servers say nothing of copies that they load again.
	HideReloads bool
	// Models are declared from the start. Others enter with the first minute in
	// which they have a request.
	Models []ModelInfo
	// MeanService is that of all requests, as a user would know it; Setup.Pool is
	// told. 0: that of the Models, each counted once.
	MeanService time.Duration
	Min, Max    int // servers: 0 <= Min <= Max; Max 0 is 10,000
}

// group is the name of the group of shared servers.
const group = "servers"

// size of a copy of a model.
func (s *Servers) size(model string) int64 {
	if s.Size == nil {
		return 1
	}
	return s.Size(model)
}

// mean service time of all requests.
func (s *Servers) mean() time.Duration {
	if s.MeanService > 0 || len(s.Models) == 0 {
		return max(s.MeanService, 1)
	}
	sum := 0.0
	for _, m := range s.Models {
		sum += m.MeanService.Seconds()
	}
	return max(1, time.Duration(sum/float64(len(s.Models))*1e9))
}

// validate reports every fault of s.
func (s *Servers) validate() (errs []error) {
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("Servers."+format, args...))
		}
	}
	need(s.Slots >= 1 && s.Slots <= 1e6, "Slots must be in [1, 1e6], is %d", s.Slots)
	need(s.Memory >= 1 && s.Memory <= 1e12, "Memory must be in [1, 1e12], is %d", s.Memory)
	need(s.Overcommit >= 0 && s.Overcommit <= 100, "Overcommit must be in [0, 100], is %v", s.Overcommit)
	need(s.MeanService >= 0, "MeanService must be >= 0, is %v", s.MeanService)
	need(s.Min >= 0 && s.Min <= 1e6, "Min must be in [0, 1e6], is %d", s.Min)
	need(s.Max >= 0 && s.Max <= 1e6 && (s.Max == 0 || s.Max >= s.Min), "Max must be 0 or in [Min, 1e6], is %d", s.Max)
	seen := map[string]bool{}
	for i, m := range s.Models {
		need(m.Name != "" && !seen[m.Name], "Models[%d].Name %q is empty or stands twice", i, m.Name)
		seen[m.Name] = true
		size := s.size(m.Name)
		need(size >= 1 && size <= s.Memory, "Size of %q must be in [1, Memory], is %d", m.Name, size)
	}
	return errs
}
