package coordinatortest

import (
	"context"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/policy"
)

// Observe reports the world as of now.
func (f *Fleet) Observe(ctx context.Context) (coordinator.World, error) {
	if err := ctx.Err(); err != nil {
		return coordinator.World{}, err
	}
	w, hang, err := f.observe()
	if hang {
		return coordinator.World{}, wait(ctx)
	}
	return w, err
}

func (f *Fleet) observe() (w coordinator.World, hang bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.echo()
	now := f.now()
	fate := f.chance.observe()
	if fate.fails || fate.hangs {
		return w, fate.hangs, errInjected
	}
	skew := f.chance.skew(now)
	for _, g := range f.groups {
		if fate.blind(g.Name) {
			w.Unseen = append(w.Unseen, g.Name)
			continue
		}
		w.Groups = append(w.Groups, g.state(now, skew))
	}
	f.observeServices(&w, fate)
	return w, false, nil
}

// World is the world as it is, whatever [Fleet.Inject] does to Observe, for a
// test to judge by. To look is no event: nothing is drawn or delivered for it.
func (f *Fleet) World() (w coordinator.World) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	for _, g := range f.groups {
		w.Groups = append(w.Groups, g.state(f.now(), 0))
	}
	return w
}

// state is what is seen of a group by a clock that is off by skew.
func (g *fleetGroup) state(now time.Time, skew time.Duration) coordinator.GroupState {
	state := coordinator.GroupState{Name: g.Name, Desired: g.desired, Generation: g.generation, Epoch: g.epoch, Version: version(g.version)}
	for _, s := range g.servers {
		state.Servers = append(state.Servers, s.state(now, skew))
	}
	return state
}

func (s *server) booting(now time.Time) bool { return s.fails || now.Before(s.upAt) }

// state is what is seen of a server by a clock that is off by skew.
func (s *server) state(now time.Time, skew time.Duration) coordinator.ServerState {
	state := coordinator.ServerState{
		Name: s.name, Ordinal: s.ordinal, Zone: s.zone, Phase: coordinator.Up, Since: s.upAt.Add(skew), Leaving: s.leaving,
		Generation: s.generation, Epoch: s.epoch, Version: version(s.version),
	}
	if s.booting(now) {
		state.Phase, state.Since = coordinator.Booting, s.ordered.Add(skew)
	}
	for _, r := range s.replicas {
		state.Replicas = append(state.Replicas, coordinator.ReplicaState{
			Model: r.model.Name, ModelVersion: r.of, Phase: r.phase, Since: r.since.Add(skew),
			InFlight: policy.Reading{Value: float64(r.inFlight), At: now.Add(skew), Quality: policy.OK},
			Version:  version(r.version), Reloads: r.reloads,
		})
	}
	return state
}

// Read answers for the series in_flight, begun and ended of its models and
// services.
func (f *Fleet) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	dst, hang, err := f.read(want, dst)
	if hang {
		return dst, wait(ctx)
	}
	return dst, err
}

func (f *Fleet) read(want []coordinator.Series, dst []coordinator.Sample) (_ []coordinator.Sample, hang bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	now := f.now()
	fate := f.chance.read()
	at := now.Add(f.chance.skew(now))
	restarted := map[string]bool{}
	for _, w := range want {
		m := f.counts(w.Target)
		if m == nil {
			continue
		}
		if !restarted[m.Name] && fate.restarts(m.Name) {
			m.restart()
		}
		restarted[m.Name] = true
		s, known := m.sample(w, at)
		if !known || fate.silent(m.Name) {
			continue
		}
		if s, known = f.spoil(fate, s); known {
			dst = append(dst, s)
		}
	}
	switch {
	case fate.hangs:
		return dst, true, nil
	case fate.fails:
		return dst, false, errInjected
	}
	return dst, false, nil
}

// counts is what counts the requests of a target, nil if there is none.
func (f *Fleet) counts(t coordinator.TargetID) *fleetModel {
	if (t.Kind == coordinator.TargetService) != (f.service(t.Name) != nil) || t.Kind == coordinator.TargetGroup {
		return nil
	}
	return f.models[t.Name]
}

// sample is the present value of one of the model's series.
func (m *fleetModel) sample(w coordinator.Series, at time.Time) (s coordinator.Sample, known bool) {
	s = coordinator.Sample{Series: w, At: at, Quality: policy.OK, Cumulative: true}
	switch t := (lag.Totals{Begun: m.begun, Ended: m.ended}); w.Name {
	case policy.Begun:
		s.Value = float64(t.Begun - m.sinceBegun)
	case policy.Ended:
		s.Value = float64(t.Ended - m.sinceEnd)
	case policy.InFlight:
		s.Value, s.Cumulative = float64(t.InFlight()), false
	default:
		return s, false
	}
	return s, true
}
