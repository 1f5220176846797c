package laws

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bellows-go/bellows/coordinator"
)

// Placing checks what a plan does with versions, groups, zones, dedicated and
// co-located models, in the world that it was made from.
func (j *Judge) Placing(w coordinator.World, p coordinator.Plan) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	lives := map[string]string{}
	desired := map[string]int{}
	for _, mp := range p.Models {
		lives[mp.Model], desired[mp.Model] = mp.Group, mp.Desired
		if m := j.models[mp.Model]; mp.Group != m.Group && !slices.Contains(m.Fallbacks, mp.Group) {
			fail("%s lives on %s", mp.Model, mp.Group)
		}
	}
	for _, a := range p.Now {
		m := j.models[a.Model]
		switch a.Kind {
		case coordinator.ScaleGroup:
			if j.groups[a.Group].Fixed {
				fail("%v: the number of its servers is fixed", a)
			}
		case coordinator.Load:
			j.Tempted["load"]++
			if a.Group != lives[a.Model] {
				fail("%v: it lives on %s", a, lives[a.Model])
			}
			if a.ModelVersion != m.Version {
				fail("%v: version %q is declared", a, m.Version)
			}
			if m.Spread.MaxSkew > 0 && !m.Spread.Soft {
				if err := j.skew(w, p, a); err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// skew checks that a load leaves its zone no more than the model's skew above
// the emptiest, once all loads of the plan are done.
func (j *Judge) skew(w coordinator.World, p coordinator.Plan, a coordinator.Action) error {
	g := find(w, a.Group)
	zoneOf := map[string]string{}
	in := map[string]int{}
	for _, zone := range j.groups[a.Group].Zones {
		in[zone] = 0
	}
	for _, s := range g.Servers {
		zoneOf[s.Name] = s.Zone
		for _, r := range s.Replicas {
			if r.Model == a.Model && r.ModelVersion == a.ModelVersion {
				in[s.Zone]++
			}
		}
	}
	for _, other := range p.Now {
		if other.Kind == coordinator.Load && other.Model == a.Model {
			in[zoneOf[other.Server]]++
		}
	}
	j.Tempted["spread"]++
	skew := j.models[a.Model].Spread.MaxSkew
	if a.Why.Reason == coordinator.Consolidating {
		skew++ // one that moves is in both places until it has
	}
	for zone, n := range in {
		if most := in[zoneOf[a.Server]]; most-n > skew {
			return fmt.Errorf("%v: %d in zone %q, %d in %q", a, most, zoneOf[a.Server], n, zone)
		}
	}
	return nil
}

// Together checks an action against who shares the server, just before it is
// applied.
func (j *Judge) Together(w coordinator.World, a coordinator.Action) error {
	if a.Kind == coordinator.ScaleGroup {
		return nil
	}
	g := find(w, a.Group)
	i := slices.IndexFunc(g.Servers, func(s coordinator.ServerState) bool { return s.Name == a.Server })
	if i < 0 {
		return nil // what is wrong with that, Action says
	}
	m := j.models[a.Model]
	hosts := func(model string) (n int) {
		for _, r := range g.Servers[i].Replicas {
			own := r.ModelVersion == a.ModelVersion && r.Model == a.Model
			if r.Model == model && !own && r.Phase != coordinator.Broken && r.Phase != coordinator.Draining {
				n++
			}
		}
		return n
	}
	if a.Kind == coordinator.Load && m.With != "" {
		j.Tempted["with"]++
		if hosts(m.With) == 0 {
			return fmt.Errorf("%v: no %s is there", a, m.With)
		}
	}
	if a.Kind != coordinator.Unroute && (a.Kind != coordinator.Unload || a.Why.Reason == coordinator.LoadFailed) {
		return nil
	}
	for _, c := range j.models {
		if c.With != a.Model || hosts(a.Model) > 0 {
			continue
		}
		for _, r := range g.Servers[i].Replicas {
			if r.Model == c.Name && r.Phase != coordinator.Broken && a.Why.Reason != coordinator.Drained && a.Why.Reason != coordinator.DrainTooLong {
				return fmt.Errorf("%v: %s sits with it, %v", a, c.Name, r.Phase)
			}
		}
	}
	return nil
}

// Apart checks that dedicated models share their servers with nobody but what
// is with them.
func (j *Judge) Apart(w coordinator.World) error {
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			owner := ""
			for _, r := range s.Replicas {
				if j.models[r.Model].Dedicated {
					owner = r.Model
				}
			}
			if owner == "" {
				continue
			}
			j.Tempted["dedicated"]++
			for _, r := range s.Replicas {
				if r.Model != owner && j.models[r.Model].With != owner {
					return fmt.Errorf("%s holds %s, which is dedicated, and %s", s.Name, owner, r.Model)
				}
			}
		}
	}
	return nil
}
