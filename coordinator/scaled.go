package coordinator

import (
	"reflect"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// An asker is one policy of a target, and what it is asked with.
type asker struct {
	config   policy.Config
	needs    policy.Needs
	feeds    []*feed // one per needs.Signals
	indexes  []int   // and which of the feed's signals
	podFeeds []*podFeed
	policy   policy.Policy // nil before the first plan
	steps    []policy.Step
	readings []policy.Reading // one per needs.Signals
	pods     [][]policy.Pod   // one per needs.Pods
}

// scaled is what a target is whose count a policy decides, and what the planner
// remembers of that: models and services alike.
type scaled struct {
	asker
	id        TargetID
	low, high int   // bounds of the desired count
	useful    int   // beyond how many none has work; 0 unknown
	begun     *feed // if some policy asks for seconds
	seconds   *secondsLog

	frozen  time.Time     // the desired count stands until then
	history []Decided     // oldest first
	said    policy.Reason // the last word of the newest; "" if there is none
	desired int
	counted bool // desired has been decided: it is not counted anew with a new policy
	shadows []*shadow
	shown   []ShadowPlan // of this plan; as shadows
	held    bool         // in this plan, nothing but bounds lowers the count
	hears   *usage       // takes note of its seconds; nil outside pools
}

// inherit takes over what is remembered of the same target under older
// declarations; a policy that has changed starts anew.
func (t *scaled) inherit(old *scaled) {
	t.desired, t.counted, t.seconds, t.frozen = old.desired, old.counted, old.seconds, old.frozen
	t.history, t.said = old.history, old.said
	t.asker.inherit(&old.asker)
	for _, x := range t.shadows {
		if was := old.shadow(x.name); was != nil {
			x.inherit(was)
		}
	}
}

func (a *asker) inherit(old *asker) {
	if reflect.DeepEqual(old.config, a.config) {
		a.policy, a.steps = old.policy, old.steps
	}
}

// connect makes the feeds that the targets' policies need, and keeps the history
// of those there were.
func (p *Planner) connect() {
	old := p.feedOf
	p.wants, p.feeds, p.feedOf, p.timed = nil, nil, map[Series]*feed{}, nil
	for _, t := range p.targets {
		p.hear(t, &t.asker)
		for _, x := range t.shadows {
			p.hear(t, &x.asker)
		}
		if !t.wantsSeconds() {
			t.seconds = nil
			continue
		}
		if t.seconds == nil {
			t.seconds = &secondsLog{}
		}
		p.timed = append(p.timed, t)
		for c, name := range secondCounts {
			f := p.want(t, name)
			f.seconds, f.count = t.seconds, count(c)
			if count(c) == countBegun {
				t.begun = f
			}
		}
	}
	p.connectPools()
	for _, f := range p.feeds {
		if was := old[f.id]; was != nil {
			f.adopt(was)
		}
	}
}

// hear makes the feeds of one policy's signals.
func (p *Planner) hear(t *scaled, a *asker) {
	a.needs = a.config.Needs()
	for _, sig := range a.needs.Signals {
		h := p.hearSignal(t, sig)
		a.feeds, a.indexes = append(a.feeds, h.feed), append(a.indexes, h.index)
	}
	a.readings = make([]policy.Reading, len(a.needs.Signals))
}

// hearSignal makes the feed of one signal of a target.
func (p *Planner) hearSignal(t *scaled, sig policy.Signal) heardSignal {
	f := p.want(t, sig.Name)
	i := slices.Index(f.signals, sig)
	if i < 0 {
		i = len(f.signals)
		f.signals, f.totals = append(f.signals, sig), append(f.totals, newTotals(sig))
	}
	return heardSignal{f, i}
}

// want returns the feed of one of a target's series.
func (p *Planner) want(t *scaled, name string) *feed {
	id := Series{t.id, name}
	f := p.feedOf[id]
	if f == nil {
		f = &feed{id: id}
		p.feedOf[id] = f
		p.feeds = append(p.feeds, f)
		p.wants = append(p.wants, id)
	}
	return f
}

// read shows a policy its readings and pods as of now; it returns how many of
// them are not wholly known.
func (p *Planner) read(a *asker, s *Snapshot) (silent int) {
	silent = a.seePods()
	for i, f := range a.feeds {
		a.readings[i] = f.reading(a.indexes[i], s.Now, p.tick, p.options.Stale, s.ReadFailed)
		if a.readings[i].Quality != policy.OK {
			silent++
		}
	}
	return silent
}

// consult asks the target's policy and keeps the laws around it. o is what is
// seen of the target; nothing shrinks while it is young.
func (p *Planner) consult(t *scaled, o policy.Observation, s *Snapshot, young bool) policy.Decision {
	var seconds []policy.Second
	if t.seconds != nil {
		seconds = t.seconds.ready(s.Now, t.begun.until(), p.options.Stale)
	}
	if t.hears != nil {
		t.hears.hear(seconds)
	}
	silent := p.read(&t.asker, s)
	t.held = silent > 0 || o.ReadyFailed || young || s.Now.Before(t.frozen)
	d, err := t.ask(&o, seconds)
	if err != nil {
		p.fault("%v %s: policy: %v", t.id.Kind, t.id.Name, err)
	}
	d = t.guard(o, d, silent, young)
	p.askShadows(t, o, s, seconds, young, d)
	if t.seconds != nil {
		t.seconds.drop(len(seconds))
	}
	return d
}

// ask completes what its target sees by what the policy asked for, and asks it.
func (a *asker) ask(o *policy.Observation, seconds []policy.Second) (policy.Decision, error) {
	o.Readings, o.Pods, o.Seconds = a.readings, a.pods, nil
	if a.needs.Seconds {
		o.Seconds = seconds
	}
	*o = o.Lend(a.steps)
	return ask(a.policy, *o)
}

// begin makes the policy of a target whose count the planner starts from, with
// ready replicas.
func (t *scaled) begin(at time.Time, count, ready int) {
	if !t.counted {
		t.desired = max(t.desired, count)
	}
	t.desired, t.counted = t.clamp(t.desired), true
	t.policy = t.newPolicy(at, ready)
	t.steps = make([]policy.Step, 0, 8)
}

// clamp is the count within bounds that is nearest to n.
func (t *scaled) clamp(n int) int { return min(max(n, t.low), t.most()) }

// most is the upper bound: that which is declared, or what is useful.
func (t *scaled) most() int {
	if t.useful == 0 {
		return t.high
	}
	return min(t.high, max(t.low, t.useful))
}

// take makes the decisions of this plan the targets' own.
func (p *Planner) take() {
	for i, m := range p.models {
		mp := &p.plan.Models[i]
		if len(mp.Decision.Steps) == 0 {
			continue // nothing is known of it yet
		}
		m.take(p.last, mp.Decision, p.options.History)
		if mp.Was != m.desired {
			m.group.changed = p.last // even where as many serve already
		}
		m.wishes.plan(m.before, m.desired)
	}
	for i, s := range p.services {
		s.take(p.last, p.plan.Services[i].Decision, p.options.History)
	}
}

func (t *scaled) take(at time.Time, d policy.Decision, keep int) {
	if len(d.Steps) == 0 {
		return // nothing is known of it yet
	}
	if n := cap(d.Steps); n > cap(t.steps) {
		t.steps = make([]policy.Step, 0, n) // so that the next decision fits
	}
	t.record(at, d, keep)
	t.desired = d.Replicas
}
