package coordinator_test

import (
	"context"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
)

// scatter is what an operator does by hand in the middle of the night: servers
// more, and replicas moved there, so that there is something to consolidate.
func (tr *trial) scatter(t *rapid.T) {
	for _, g := range tr.fleet.World().Groups {
		i := slices.IndexFunc(tr.d.Groups, func(d coordinator.ServerGroup) bool { return d.Name == g.Name })
		if n := min(tr.d.Groups[i].Max, len(g.Servers)+rapid.IntRange(0, 2).Draw(t, "more")); n > g.Desired {
			tr.byHand(coordinator.Action{Kind: coordinator.ScaleGroup, Group: g.Name, Replicas: n})
		}
	}
	tr.now = tr.now.Add(10 * time.Second) // a boot takes as long at most
	var moved []coordinator.Action
	for _, g := range tr.fleet.World().Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Phase != coordinator.Serving || !rapid.Bool().Draw(t, "move") {
					continue
				}
				to := g.Servers[rapid.IntRange(0, len(g.Servers)-1).Draw(t, "to")].Name
				if a := (coordinator.Action{Kind: coordinator.Load, Group: g.Name, Server: to, Model: r.Model}); tr.hasRoom(a) && tr.byHand(a) {
					moved = append(moved, coordinator.Action{Group: g.Name, Server: s.Name, Model: r.Model}, a)
				}
			}
		}
	}
	tr.now = tr.now.Add(10 * time.Second) // a load
	for i := 0; i < len(moved); i += 2 {
		from, to := moved[i], moved[i+1]
		from.Kind, to.Kind = coordinator.Unload, coordinator.Route
		if tr.byHand(to) {
			tr.byHand(from)
		}
	}
}

// byHand carries out what no planner has asked for; it reports whether it did.
func (tr *trial) byHand(a coordinator.Action) bool {
	tr.hands++
	a.ID, a.Epoch, a.Generation = "by hand", tr.epoch, 1_000_000+tr.hands
	return tr.fleet.Apply(context.Background(), a) == nil
}

// hasRoom reports whether a server takes what is to be loaded, and has it not.
func (tr *trial) hasRoom(load coordinator.Action) bool {
	left := coordinator.Resources{}
	for _, g := range tr.d.Groups {
		for name, n := range g.Capacity {
			if g.Name == load.Group {
				left[name] = n
			}
		}
	}
	takes := []string{load.Model}
	for _, g := range tr.fleet.World().Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if g.Name == load.Group && s.Name == load.Server {
					takes = append(takes, r.Model)
				}
			}
		}
	}
	for _, m := range tr.d.Models {
		for name, n := range m.Needs {
			if slices.Contains(takes, m.Name) {
				left[name] -= n
			}
		}
	}
	for _, n := range left {
		if n < 0 {
			return false
		}
	}
	return !slices.Contains(takes[1:], load.Model)
}
