package laws

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Action checks one action of the plan against the world as it is just before
// it is applied.
func (j *Judge) Action(w coordinator.World, a coordinator.Action) error {
	if a.Kind == coordinator.ScaleService {
		return j.scaleService(w, a)
	}
	g := find(w, a.Group)
	if g == nil {
		return fmt.Errorf("law 13: %v: no such group", a)
	}
	if a.Kind == coordinator.ScaleGroup {
		return j.scale(g, a)
	}
	server := findServer(g, a.Server)
	if server == nil {
		return fmt.Errorf("law 13: %v: no such server", a)
	}
	switch a.Kind {
	case coordinator.Load:
		return j.load(server, a)
	case coordinator.Unroute:
		// 2. Make before break.
		serving := count(w, a.Model)
		j.Tempted["2 make before break"]++
		if serving-1 < j.should[a.Model] {
			return fmt.Errorf("law 2: %v leaves %d serving of %d", a, serving-1, j.should[a.Model])
		}
	case coordinator.Unload:
		return j.unload(server, a)
	}
	return nil
}

// World checks a world: no server beyond capacity, one of each.
func (j *Judge) World(w coordinator.World) error {
	var errs []error
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			used := map[string]int64{}
			seen := map[string]bool{}
			for _, r := range s.Replicas {
				if seen[r.Model+"@"+r.ModelVersion] {
					errs = append(errs, fmt.Errorf("law 6: %s twice on %s", r.Model, s.Name))
				}
				seen[r.Model+"@"+r.ModelVersion] = true
				for name, n := range j.models[r.Model].Needs {
					used[name] += n
				}
			}
			for name, n := range used {
				if limit := j.limit(g.Name, name); n > limit {
					errs = append(errs, fmt.Errorf("law 5: %s: %d of %d %s", s.Name, n, limit, name))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// limit is how much of a resource the replicas on a server of a group may need.
func (j *Judge) limit(group, resource string) int64 {
	capacity := j.groups[group].Capacity[resource]
	return capacity + int64(float64(capacity)*j.groups[group].Overcommit[resource])
}

func (j *Judge) load(s *coordinator.ServerState, a coordinator.Action) error {
	j.Tempted["6 one of each"] += len(s.Replicas)
	switch {
	case s.Phase != coordinator.Up:
		return fmt.Errorf("law 2: %v: the server is not up", a)
	case s.Leaving:
		return fmt.Errorf("law 6: %v: the server leaves", a)
	}
	m := j.models[a.Model]
	for _, need := range m.Requires {
		if !slices.Contains(j.groups[a.Group].Capabilities, need) {
			return fmt.Errorf("law 5: %v: the server lacks %s", a, need)
		}
	}
	for _, r := range s.Replicas {
		if r.Model == a.Model && r.ModelVersion == a.ModelVersion {
			return fmt.Errorf("law 6: %v: it is there", a)
		}
	}
	for name, need := range m.Needs {
		total := need
		for _, r := range s.Replicas {
			total += j.models[r.Model].Needs[name]
		}
		limit := j.limit(a.Group, name)
		if total == limit {
			j.Tempted["5 capacity"]++
		}
		if total > limit {
			return fmt.Errorf("law 5: %v: %d of %d %s", a, total, limit, name)
		}
	}
	return j.physical(s, a)
}

// physical checks that what is pinned on a server, the model of a load included,
// and the largest rest of one there find room in its memory.
func (j *Judge) physical(s *coordinator.ServerState, a coordinator.Action) error {
	for name := range j.groups[a.Group].Overcommit {
		m, capacity := j.models[a.Model], j.groups[a.Group].Capacity[name]
		pinned, rest := m.Pinned[name], m.Needs[name]-m.Pinned[name]
		for _, r := range s.Replicas {
			held := j.models[r.Model]
			pinned += held.Pinned[name]
			rest = max(rest, held.Needs[name]-held.Pinned[name])
		}
		if pinned+rest == capacity {
			j.Tempted["5 pinned"]++
		}
		if pinned+rest > capacity {
			return fmt.Errorf("law 5: %v: %d of %d %s pinned, or to be there for one", a, pinned+rest, capacity, name)
		}
	}
	return nil
}

func (j *Judge) unload(s *coordinator.ServerState, a coordinator.Action) error {
	for _, r := range s.Replicas {
		if r.Model != a.Model || r.ModelVersion != a.ModelVersion {
			continue
		}
		switch {
		case r.Phase == coordinator.Serving:
			return fmt.Errorf("law 2: %v while it serves", a)
		case r.Phase == coordinator.Draining && (r.InFlight.Quality != policy.OK || r.InFlight.Value != 0 || r.InFlight.At.Before(r.Since)):
			j.Tempted["3 drain"]++
			if a.Why.Reason != coordinator.DrainTooLong {
				return fmt.Errorf("law 3: %v with %v in flight", a, r.InFlight)
			}
		}
	}
	return nil
}

func (j *Judge) scale(g *coordinator.GroupState, a coordinator.Action) error {
	decl := j.groups[g.Name]
	if a.Replicas < 0 || a.Replicas > decl.Max && a.Replicas > g.Desired {
		return fmt.Errorf("law 1: %v beyond [%d, %d]", a, decl.Min, decl.Max)
	}
	gone := map[string]bool{}
	for _, v := range a.Victims {
		gone[v] = true
	}
	if decl.Removal == coordinator.Ordinal {
		if len(a.Victims) > 0 {
			return fmt.Errorf("law 3: %v: victims under ordinal removal", a)
		}
		gone = highest(g, a.Replicas)
	}
	for _, s := range g.Servers {
		if !gone[s.Name] {
			continue
		}
		// 3. No live removal.
		j.Tempted["3 no live removal"]++
		if len(s.Replicas) > 0 {
			return fmt.Errorf("law 3: %v removes %s, which holds %d replicas", a, s.Name, len(s.Replicas))
		}
	}
	return nil
}

// highest names the servers beyond the n lowest ordinals.
func highest(g *coordinator.GroupState, n int) map[string]bool {
	gone := map[string]bool{}
	for _, s := range g.Servers {
		lower := 0
		for _, t := range g.Servers {
			if !t.Leaving && t.Ordinal < s.Ordinal {
				lower++
			}
		}
		if !s.Leaving && lower >= n {
			gone[s.Name] = true
		}
	}
	return gone
}
