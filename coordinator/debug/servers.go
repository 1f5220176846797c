package debug

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// serversPage is the map of servers.
type serversPage struct {
	head
	Span    span        `json:"rows"` // of servers, all groups together
	Groups  []groupPart `json:"groups"`
	Unseen  []string    `json:"unseen"`
	Choices []string    `json:"-"` // groups that can be frozen
}

// A groupPart is a group, and those of its servers that the page shows.
type groupPart struct {
	Group      string      `json:"group"`
	Servers    int         `json:"servers"` // booting, up or leaving
	Was        int         `json:"was"`
	Desired    int         `json:"desired"`
	LowerBound int         `json:"lowerBound"`
	Min        int         `json:"min"`
	Max        int         `json:"max"`
	Unseen     bool        `json:"unseen"`
	Declared   bool        `json:"declared"`
	Frozen     *time.Time  `json:"frozen"`
	Resources  []string    `json:"resources"`
	Pool       *poolPart   `json:"pool"` // null: it is none
	Shown      []serverRow `json:"shown"`
}

type serverRow struct {
	Server   string       `json:"server"`
	ID       string       `json:"-"` // of the row in the page
	Zone     string       `json:"zone,omitempty"`
	Phase    string       `json:"phase"`
	Since    *time.Time   `json:"since"`
	Leaving  bool         `json:"leaving"`
	Retiring bool         `json:"retiring"` // from a pool
	Foreign  bool         `json:"foreign"`  // holds a model that nobody declared there
	Replicas []replicaRow `json:"replicas"`
	Fill     []fill       `json:"fill"` // in the order of the group's resources
}

type replicaRow struct {
	Model    string     `json:"model"`
	Version  string     `json:"version,omitempty"`
	Phase    string     `json:"phase"`
	Since    *time.Time `json:"since"`
	InFlight number     `json:"inFlight"`
}

// A fill says how full a server is of one resource.
type fill struct {
	Resource string `json:"resource"`
	Used     int64  `json:"used"`
	Capacity int64  `json:"capacity"`
}

// Percent is the share that is used, at most 100.
func (f fill) Percent() int {
	if f.Capacity <= 0 || f.Used >= f.Capacity {
		if f.Used == 0 {
			return 0
		}
		return 100
	}
	return int(float64(f.Used) / float64(f.Capacity) * 100)
}

// servers builds the map of servers.
func (h *Handler) servers(g *glance, q query) (any, bool) {
	page := serversPage{head: g.head(), Groups: []groupPart{}, Unseen: some(g.picture.world.Unseen), Choices: slices.Sorted(maps.Keys(g.groups))}
	total := 0
	for i := range g.picture.world.Groups {
		for j := range g.picture.world.Groups[i].Servers {
			if q.wants(g.picture.world.Groups[i].Servers[j].Name) {
				total++
			}
		}
	}
	from, to, span := q.cut(total)
	page.Span = span
	at := 0
	for i := range g.picture.world.Groups {
		state := &g.picture.world.Groups[i]
		part := g.part(state)
		for j := range state.Servers {
			if !q.wants(state.Servers[j].Name) {
				continue
			}
			if at >= from && at < to {
				row := g.server(state.Name, &state.Servers[j], part.Resources)
				row.ID = "s" + strconv.Itoa(at)
				row.Retiring = part.Pool != nil && slices.Contains(part.Pool.Retiring, row.Server)
				part.Shown = append(part.Shown, row)
			}
			at++
		}
		page.Groups = append(page.Groups, part)
	}
	return page, true
}

// part is all about a group but its servers.
func (g *glance) part(state *coordinator.GroupState) groupPart {
	p := groupPart{
		Group: state.Name, Servers: len(state.Servers), Was: state.Desired, Desired: state.Desired,
		Frozen: g.until(coordinator.TargetGroup, state.Name), Resources: []string{}, Shown: []serverRow{},
	}
	declared := g.groups[state.Name]
	for i := range g.picture.plan.Groups {
		plan := &g.picture.plan.Groups[i]
		if plan.Group == state.Name {
			p.Servers, p.Was, p.Desired, p.LowerBound, p.Unseen = plan.Servers, plan.Was, plan.Desired, plan.LowerBound, plan.Unseen
			p.Pool = g.pool(declared, state, plan)
		}
	}
	if declared != nil {
		p.Declared, p.Min, p.Max = true, declared.Min, declared.Max
		p.Resources = resources(declared)
	}
	return p
}

// resources are the names of those of a group, sorted.
func resources(declared *coordinator.ServerGroup) []string {
	return slices.Sorted(maps.Keys(declared.Capacity))
}

func (g *glance) server(group string, s *coordinator.ServerState, resources []string) serverRow {
	row := serverRow{
		Server: s.Name, Zone: s.Zone, Phase: s.Phase.String(), Since: instant(s.Since), Leaving: s.Leaving, Replicas: []replicaRow{}, Fill: make([]fill, len(resources)),
	}
	for d, name := range resources {
		row.Fill[d] = fill{Resource: name, Capacity: g.groups[group].Capacity[name]}
	}
	for i := range s.Replicas {
		r := &s.Replicas[i]
		row.Replicas = append(row.Replicas, replica(r))
		m := g.models[r.Model]
		if m == nil {
			row.Foreign = true
			continue
		}
		for d, name := range resources {
			row.Fill[d].Used += m.Needs[name]
		}
	}
	return row
}

func replica(r *coordinator.ReplicaState) replicaRow {
	row := replicaRow{Model: r.Model, Version: r.ModelVersion, Phase: r.Phase.String(), Since: instant(r.Since), InFlight: number(math.NaN())}
	if r.InFlight.Quality.HasValue() {
		row.InFlight = number(r.InFlight.Value)
	}
	return row
}

// Fullest is the percentage of the fullest resource.
func (s serverRow) Fullest() (most int) {
	for _, f := range s.Fill {
		most = max(most, f.Percent())
	}
	return most
}

// Fills is Fullest in words, for those who do not see the tile.
func (s serverRow) Fills() (text string) {
	for _, f := range s.Fill {
		text += ", " + f.Resource + " " + strconv.Itoa(f.Percent()) + " %"
	}
	return text
}
