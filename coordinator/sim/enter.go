package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// enter declares the models that are new in a chunk.
func (r *run) enter(c *Chunk) error {
	o := &r.options
	first := len(r.fleet.stations)
	if first == len(c.Streams) {
		return nil
	}
	counts := r.firstCounts(c, c.Streams[first:])
	for i, s := range c.Streams[first:] {
		info := ModelInfo{Name: s.Model, MeanService: o.told(s.MeanService), Slots: o.Slots, Wait: o.Wait, Min: o.Min, Max: o.Max}
		m := coordinator.Model{
			Name: s.Model, Group: s.Model, Needs: coordinator.Resources{"replica": 1},
			Min: o.Min, Max: o.Max, Policy: r.setup.Policy(info),
			Slots: o.Slots, LoadTime: o.Start, DrainTimeout: 1000 * time.Hour,
		}
		g := coordinator.ServerGroup{
			Name: s.Model, Capacity: coordinator.Resources{"replica": 1}, Max: o.Max, BootTime: o.Boot,
		}
		if o.Untold {
			m.LoadTime, g.BootTime = 0, 0
		}
		r.decl.Models, r.decl.Groups = append(r.decl.Models, m), append(r.decl.Groups, g)
		r.fleet.enter(s.Model, counts[i], &r.waits)
	}
	if o.Limit > 0 && first == 0 {
		r.decl.Budgets = []coordinator.Budget{{Name: "limit", Limit: o.Limit, Share: r.setup.Share}}
	}
	var err error
	if r.planner == nil {
		r.planner, err = coordinator.NewPlanner(r.decl, coordinator.PlannerOptions{})
	} else {
		err = r.planner.Update(r.decl)
	}
	if err != nil {
		return fmt.Errorf("sim: %s: %w", r.setup.Name, err)
	}
	return nil
}

// told is the mean service time that a policy is told, of the true one.
func (o *Options) told(mean time.Duration) time.Duration {
	return max(time.Duration(math.Round(float64(mean)*o.Faults.ServiceFactor)), 1)
}

// firstCounts is how many replicas models start with: 70 % used by the first
// minute. Where a limit leaves less room they get what it leaves, those with the
// fewest first.
func (r *run) firstCounts(c *Chunk, streams []Stream) []int {
	counts := make([]int, len(streams))
	var sum int64
	for i := range streams {
		counts[i] = r.firstCount(c, &streams[i])
		sum += int64(counts[i])
	}
	room := max(r.options.Limit-int64(r.fleet.replicas), 0)
	if r.options.Limit == 0 || sum <= room {
		return counts
	}
	got := make([]int, len(streams))
	for room > 0 {
		least := -1
		for i := range got {
			if got[i] < counts[i] && (least < 0 || got[i] < got[least]) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		got[least]++
		room--
	}
	for i := range got {
		got[i] = max(got[i], r.options.Min)
	}
	return got
}

// firstCount is that of one model.
func (r *run) firstCount(c *Chunk, s *Stream) int {
	var work time.Duration
	for _, q := range s.Requests {
		if q.At < c.From+time.Minute {
			work += q.Service
		}
	}
	n := int(math.Ceil(work.Seconds() / 60 / float64(r.options.Slots) / 0.7))
	return min(max(n, r.options.Min), r.options.Max)
}
