package laws

import (
	"slices"

	"github.com/bellows-go/bellows/coordinator"
)

// count is how many replicas of a model serve.
func count(w coordinator.World, model string) int {
	n := 0
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Model == model && r.Phase == coordinator.Serving {
					n++
				}
			}
		}
	}
	return n
}

func find(w coordinator.World, name string) *coordinator.GroupState {
	for i := range w.Groups {
		if w.Groups[i].Name == name {
			return &w.Groups[i]
		}
	}
	return nil
}

func findServer(g *coordinator.GroupState, name string) *coordinator.ServerState {
	for i := range g.Servers {
		if g.Servers[i].Name == name {
			return &g.Servers[i]
		}
	}
	return nil
}

func findReplica(w coordinator.World, a coordinator.Action) *coordinator.ReplicaState {
	g := find(w, a.Group)
	if g == nil {
		return nil
	}
	s := findServer(g, a.Server)
	if s == nil {
		return nil
	}
	for i := range s.Replicas {
		if s.Replicas[i].Model == a.Model && s.Replicas[i].ModelVersion == a.ModelVersion {
			return &s.Replicas[i]
		}
	}
	return nil
}

// imagine copies a world to be changed.
func imagine(w coordinator.World) coordinator.World {
	w.Groups = slices.Clone(w.Groups)
	for i := range w.Groups {
		servers := slices.Clone(w.Groups[i].Servers)
		w.Groups[i].Servers = servers
		for k := range servers {
			servers[k].Replicas = slices.Clone(servers[k].Replicas)
		}
	}
	return w
}

// imagined changes a world by what an action takes: room, a serving replica, a
// server. What one gives, no other action of its plan may count on.
func imagined(w coordinator.World, a coordinator.Action) {
	g := find(w, a.Group)
	switch a.Kind {
	case coordinator.ScaleGroup:
		g.Servers = slices.DeleteFunc(g.Servers, func(s coordinator.ServerState) bool { return slices.Contains(a.Victims, s.Name) })
	case coordinator.Load:
		s := findServer(g, a.Server)
		s.Replicas = append(s.Replicas, coordinator.ReplicaState{Model: a.Model, ModelVersion: a.ModelVersion, Phase: coordinator.Loading})
	case coordinator.Unroute:
		if r := findReplica(w, a); r != nil && r.Phase == coordinator.Serving {
			r.Phase = coordinator.Draining
		}
	}
}

// OnTheWay reports whether a replica of a model loads.
func OnTheWay(w coordinator.World, model string) bool {
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Model == model && r.Phase == coordinator.Loading {
					return true
				}
			}
		}
	}
	return false
}

// Asked is how many replicas of a model a plan would have in the end: After, and
// what waits for its place or finds none.
func Asked(w coordinator.World, p coordinator.Plan, model string) int {
	n := After(w, p, model)
	for _, a := range p.Later {
		if a.Kind == coordinator.Load && a.Model == model {
			n++
		}
	}
	for _, r := range p.Refused {
		if r.Class == model {
			n += r.Items
		}
	}
	return n
}

// After is how many replicas of a model are on their way or serve, on servers
// that stay, once a plan made from w is carried out.
func After(w coordinator.World, p coordinator.Plan, model string) (n int) {
	stays := map[string]bool{}
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Model == model && !s.Leaving && r.Phase <= coordinator.Serving {
					stays[g.Name+"/"+s.Name] = true
				}
			}
		}
	}
	for _, a := range p.Now {
		switch key := a.Group + "/" + a.Server; {
		case a.Model != model:
		case a.Kind == coordinator.Unroute || a.Kind == coordinator.Unload:
			delete(stays, key)
		case a.Kind == coordinator.Load || a.Why.Reason == coordinator.Revived:
			stays[key] = true
		}
	}
	return len(stays)
}
