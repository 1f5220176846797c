package debug

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A picture is a tick, kept: it shares nothing with the coordinator.
type picture struct {
	tick      uint64
	world     coordinator.World
	plan      coordinator.Plan
	errs      []string // of reading and observing
	applyErrs []string // one per plan.Now, "" where it was accepted
	withheld  []bool   // one per plan.Now: it was not sent
}

// How rarely a picture of a large fleet is taken when nobody looks, when that is
// so, and from how many models and servers on a fleet is large.
const (
	restingEvery = 10 * time.Second
	restingAfter = time.Minute
	large        = 2000
)

// Tick takes in what one turn of the loop did; it is made for
// coordinator.Options.OnTick. It waits for nobody, and keeps nothing of t.
func (h *Handler) Tick(t coordinator.Tick) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tick++
	h.follow(t.Plan.Models)
	h.note(t)
	size := len(t.Plan.Models)
	for _, g := range t.Snapshot.World.Groups {
		size += len(g.Servers)
	}
	wanted := size < large || len(h.streams) > 0 || now.Sub(h.looked) < restingAfter
	if wanted || h.picture == nil || t.Plan.At.Sub(h.picture.plan.At) >= restingEvery {
		h.picture = take(h.tick, t)
	}
	h.send(t)
}

func take(tick uint64, t coordinator.Tick) *picture {
	n := len(t.ApplyErrs)
	p := &picture{
		tick: tick, world: cloneWorld(t.Snapshot.World), plan: t.Plan.Clone(), applyErrs: make([]string, n), withheld: make([]bool, n),
	}
	for _, err := range []error{t.ReadErr, t.ObserveErr} {
		if err != nil {
			p.errs = append(p.errs, err.Error())
		}
	}
	for i, err := range t.ApplyErrs {
		if err != nil {
			p.applyErrs[i], p.withheld[i] = err.Error(), errors.Is(err, coordinator.ErrNotSent)
		}
	}
	return p
}

// cloneWorld copies all servers into one slice and all replicas into another.
func cloneWorld(w coordinator.World) coordinator.World {
	servers, replicas := 0, 0
	for _, g := range w.Groups {
		servers += len(g.Servers)
		for i := range g.Servers {
			replicas += len(g.Servers[i].Replicas)
		}
	}
	allServers := make([]coordinator.ServerState, 0, servers)
	allReplicas := make([]coordinator.ReplicaState, 0, replicas)
	c := coordinator.World{Groups: slices.Clone(w.Groups), Unseen: slices.Clone(w.Unseen), Services: slices.Clone(w.Services), UnseenServices: slices.Clone(w.UnseenServices)}
	for i := range c.Groups {
		from := len(allServers)
		allServers = append(allServers, c.Groups[i].Servers...)
		c.Groups[i].Servers = allServers[from:len(allServers):len(allServers)]
		for j := range c.Groups[i].Servers {
			s := &c.Groups[i].Servers[j]
			from := len(allReplicas)
			allReplicas = append(allReplicas, s.Replicas...)
			s.Replicas = allReplicas[from:len(allReplicas):len(allReplicas)]
		}
	}
	return c
}

// A trail is the recent past of a model, a point a tick.
type trail struct {
	model  string
	points []point // a ring once it is full
	next   int     // where the next one goes; the oldest is there in a full ring
}

type point struct {
	load           float32 // the first reading; NaN if it says nothing
	desired, ready int32
}

// follow adds a point to every trail, and drops trails of models that are gone.
func (h *Handler) follow(models []coordinator.ModelPlan) {
	same := len(h.trails) == len(models)
	for i := 0; same && i < len(models); i++ {
		same = h.trails[i].model == models[i].Model
	}
	if !same {
		old := map[string]trail{}
		for _, t := range h.trails {
			old[t.model] = t
		}
		h.trails = make([]trail, len(models))
		for i := range models {
			h.trails[i] = old[models[i].Model]
			h.trails[i].model = models[i].Model
		}
	}
	for i := range models {
		m, t := &models[i], &h.trails[i]
		p := point{float32(math.NaN()), int32(m.Desired), int32(m.Ready)}
		if len(m.Readings) > 0 && m.Readings[0].Quality.HasValue() {
			p.load = float32(m.Readings[0].Value)
		}
		if len(t.points) < h.options.Points {
			t.points = append(t.points, p)
			continue
		}
		t.points[t.next] = p
		t.next = (t.next + 1) % len(t.points)
	}
}

// past returns a model's points as of a tick, oldest first.
func (h *Handler) past(model string, tick uint64) []point {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, found := slices.BinarySearchFunc(h.trails, model, func(t trail, model string) int { return cmp.Compare(t.model, model) })
	if !found {
		return nil
	}
	t := &h.trails[i]
	points := append(slices.Clone(t.points[t.next:]), t.points[:t.next]...)
	since := min(h.tick-tick, uint64(len(points)))
	return points[:uint64(len(points))-since]
}

// An entry is one line of the timeline.
type entry struct {
	Tick    uint64    `json:"tick"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // "model", "service", "group" or "error"
	Name    string    `json:"name"` // "" of an error
	Was     int       `json:"was"`
	Desired int       `json:"desired"`
	Why     string    `json:"why"`   // of an error, its text
	Times   int       `json:"times"` // an error that comes again and again is one line
	Last    time.Time `json:"last"`  // when it came last

	steps []policy.Step // what Why is made of, as text only when somebody looks
}

// A scaling is a change of a group's count that was noted.
type scaling struct{ was, desired int }

// note adds to the timeline what changed a count or went wrong.
func (h *Handler) note(t coordinator.Tick) {
	at := t.Plan.At.UTC()
	line := func(kind, name string, was, desired int) entry {
		return entry{Tick: h.tick, At: at, Kind: kind, Name: name, Was: was, Desired: desired, Times: 1, Last: at}
	}
	for i := range t.Plan.Models {
		if m := &t.Plan.Models[i]; m.Was != m.Desired {
			e := line("model", m.Model, m.Was, m.Desired)
			e.steps = slices.Clone(m.Decision.Steps)
			h.add(e)
		}
	}
	h.noteServices(t, line)
	for _, g := range t.Plan.Groups {
		change := scaling{g.Was, g.Desired}
		if g.Was == g.Desired {
			delete(h.scaled, g.Group)
			continue
		}
		if h.scaled[g.Group] == change {
			continue // wished for again, not anew
		}
		h.scaled[g.Group] = change
		e := line("group", g.Group, g.Was, g.Desired)
		for _, a := range t.Plan.Now {
			if a.Kind == coordinator.ScaleGroup && a.Group == g.Group {
				e.Why = a.Why.String()
			}
		}
		h.add(e)
	}
	for _, err := range failures(t) {
		e := line("error", "", 0, 0)
		e.Why = err.Error()
		h.add(e)
	}
}

// failures are the errors of a tick. That an action was not sent is none: it is
// paused, or has failed before.
func failures(t coordinator.Tick) (errs []error) {
	for _, err := range []error{t.ReadErr, t.ObserveErr} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, err := range t.ApplyErrs {
		if err != nil && !errors.Is(err, coordinator.ErrNotSent) {
			errs = append(errs, err)
		}
	}
	return errs
}

// add appends an entry, or counts an error that is among the latest lines.
func (h *Handler) add(e entry) {
	const look = 16 // as many errors can alternate and still be a line each
	for i := len(h.entries) - 1; e.Kind == "error" && i >= max(0, len(h.entries)-look); i-- {
		if had := &h.entries[i]; had.Kind == e.Kind && had.Why == e.Why {
			had.Times++
			had.Last = e.Last
			return
		}
	}
	if len(h.entries) >= h.options.Decisions {
		h.entries = append(h.entries[:0], h.entries[1+len(h.entries)-h.options.Decisions:]...)
	}
	h.entries = append(h.entries, e)
}
