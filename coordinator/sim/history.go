package sim

import (
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// history gathers points as plans are made.
type history struct {
	step   int64
	n      int
	models []track

	servers *track // shared ones; nil if models stand alone
}

// misses counts when requests came that missed.
type misses struct {
	history *history
	counts  []float64 // by step
}

func (m *misses) add(at int64) {
	if m != nil {
		m.counts[m.history.stepOf(at)]++
	}
}

// track is the history of one model.
type track struct {
	Series
	noted                  int // the step of its last note
	lastDesired, lastReady float64
}

func newHistory(points int, end int64) *history {
	return &history{step: max(1, (end+int64(points)-1)/int64(points)), n: points}
}

// arrive notes work that comes in; models come in the order of their indices.
func (h *history) arrive(model int, name string, reqs []Request) {
	if len(h.models) == model {
		h.models = append(h.models, track{Series: h.empty(name), noted: -1})
	}
	t := &h.models[model]
	for _, q := range reqs {
		t.Load[h.stepOf(int64(q.At))] += q.Service.Seconds()
	}
}

func (h *history) stepOf(ns int64) int { return min(int(ns/h.step), h.n-1) }

// note takes in one plan. find tells a model's index, and how many requests wait.
func (h *history) note(now int64, plan *coordinator.Plan, find func(model string) (index, waiting int, ok bool)) {
	at := h.stepOf(now)
	for i := range plan.Models {
		m := &plan.Models[i]
		if index, waiting, ok := find(m.Model); ok {
			h.models[index].note(at, m.Desired, m.Ready, waiting)
		}
	}
}

// note takes in what a plan says of the track.
func (t *track) note(at, desired, ready, waiting int) {
	if t.noted >= 0 { // steps without a plan are as the last one was
		for step := t.noted + 1; step < at; step++ {
			t.Desired[step], t.Ready[step] = t.lastDesired, t.lastReady
		}
	}
	t.lastDesired, t.lastReady = float64(desired), float64(ready)
	if t.noted != at {
		t.Ready[at] = t.lastReady
	}
	t.noted = at
	t.Desired[at] = max(t.Desired[at], t.lastDesired)
	t.Ready[at] = min(t.Ready[at], t.lastReady)
	t.Waiting[at] = max(t.Waiting[at], float64(waiting))
}

// points is what was gathered; slots turn work into replicas' worth.
func (h *history) points(slots int) *History {
	out := &History{Step: time.Duration(h.step), All: h.empty("")}
	for i := range h.models {
		s := h.models[i].Series
		for j := range s.Load {
			s.Load[j] /= out.Step.Seconds() * float64(slots)
			out.All.Load[j] += s.Load[j]
			out.All.Desired[j] += s.Desired[j]
			out.All.Ready[j] += s.Ready[j]
			out.All.Waiting[j] += s.Waiting[j]
			out.All.Missed[j] += s.Missed[j]
		}
		out.Models = append(out.Models, s)
	}
	if h.servers != nil {
		out.All.Desired, out.All.Ready = h.servers.Desired, h.servers.Ready
	}
	return out
}

func (h *history) empty(name string) Series {
	return Series{
		Model: name, Load: make([]float64, h.n), Desired: make([]float64, h.n),
		Ready: make([]float64, h.n), Waiting: make([]float64, h.n), Missed: make([]float64, h.n),
	}
}
