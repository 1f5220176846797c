package coordinator

import (
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// pool is what the planner remembers of a group that is one. Its scaled is the
// number of servers that the policy decides; it has no config if there is none.
type pool struct {
	scaled
	slots    int
	sum      secondsSum
	feeds    [][]heardSignal // one list per needs.Signals, one entry per model
	retiring []retiree       // sorted by name
	tried    time.Time       // when a server that could retire was last looked for in vain
	swapped  time.Time       // when an extra copy last made room for a better one
	passages []passage       // exchanges that are on their way

	// Of the present plan:
	decision  policy.Decision
	seen      policy.Observation // by its policy, without readings and seconds
	want      int                // servers that are to stay
	cancelled int                // ordered ones that need not come
	total     float64            // load of all models
	copies    []copyOf
}

// A heardSignal is one signal of a feed.
type heardSignal struct {
	feed  *feed
	index int
}

// A retiree is a server that is to go.
type retiree struct {
	Server string
	Since  time.Time
}

func newPool(decl ServerGroup) *pool {
	q := &pool{slots: decl.Pool.Slots}
	q.id = TargetID{TargetGroup, decl.Name}
	q.low, q.high = decl.Min, decl.Max
	if decl.Fixed {
		q.high = maxCount
	}
	q.config = decl.Pool.Policy
	return q
}

// inherit takes over what is remembered of the same pool under older declarations.
func (q *pool) inherit(old *pool) {
	if q == nil || old == nil {
		return
	}
	q.retiring, q.tried, q.swapped, q.passages = old.retiring, old.tried, old.swapped, slices.Clone(old.passages)
	if q.config != nil && old.config != nil {
		q.sum = old.sum
		q.scaled.inherit(&old.scaled)
	}
}

// connectPools makes the feeds that pools need of their models.
func (p *Planner) connectPools() {
	inFlight := policy.Signal{Name: policy.InFlight}
	for _, g := range p.groups {
		q := g.pool
		if q == nil {
			continue
		}
		q.feeds = nil
		if q.config != nil {
			q.needs = q.config.Needs()
			q.feeds = make([][]heardSignal, len(q.needs.Signals))
			q.readings = make([]policy.Reading, len(q.needs.Signals))
		}
		for _, m := range g.models {
			m.use.inFlight = p.hearSignal(&m.scaled, inFlight)
			m.use.sum = nil
			if q.needs.Seconds {
				m.use.sum = &q.sum
			}
			for i, sig := range q.needs.Signals {
				q.feeds[i] = append(q.feeds[i], p.hearSignal(&m.scaled, sig))
			}
		}
	}
}

// readPool shows the pool's policy the sums of its models' readings. It returns
// how many of the sums are not wholly known.
func (p *Planner) readPool(q *pool, s *Snapshot) (silent int) {
	for i, list := range q.feeds {
		sum, known := policy.Reading{Quality: policy.OK, Of: int32(len(list))}, 0
		for _, h := range list {
			r := h.feed.reading(h.index, s.Now, p.tick, p.options.Stale, s.ReadFailed)
			if r.Quality == policy.OK {
				sum.Answered++
			}
			if r.Quality.HasValue() {
				known++
				sum.Value += r.Value
			}
			if r.At.After(sum.At) {
				sum.At = r.At
			}
		}
		switch {
		case math.IsInf(sum.Value, 0):
			sum = policy.Reading{Quality: policy.Failed}
		case sum.Answered == sum.Of:
			sum.Answered, sum.Of = 0, 0
		case known == 0:
			sum = policy.Reading{Quality: policy.Missing}
		default:
			sum.Quality = policy.Partial
		}
		if q.readings[i] = sum; sum.Quality != policy.OK {
			silent++
		}
	}
	return silent
}

// decidePool asks a pool's policy for a number of servers and keeps the laws
// around it.
func (p *Planner) decidePool(g *group, s *Snapshot) {
	q := g.pool
	if q == nil || q.config == nil {
		return
	}
	q.decision = policy.Decision{}
	o := policy.Observation{Now: s.Now, ReadyFailed: g.state == nil, Slots: q.slots, Lead: p.poolLead(g)}
	ready, staying := 0, 0
	if g.state != nil {
		ready, staying = g.poolReady()
	}
	first := q.policy == nil
	if first {
		if g.state == nil {
			return // no history and nothing seen: nothing is known of it
		}
		q.begin(s.Now, staying, ready)
	}
	// What the desired copies need beyond the policy's count is not its own.
	o.Desired = q.desired
	o.Ready = min(ready, q.desired)
	o.Starting = max(0, min(staying, q.desired)-o.Ready)
	if g.state == nil {
		o.Ready, o.Starting = q.desired, 0
	}
	o.Current = o.Ready + o.Starting
	q.frozen = g.frozen
	q.seen = o
	silent := p.readPool(q, s)
	d, err := q.ask(&o, q.sum.ready(g.models))
	if err != nil {
		p.fault("%v %s: policy: %v", q.id.Kind, q.id.Name, err)
	}
	q.decision = q.guard(o, d, silent, first || !g.complete && g.state != nil)
	if q.desired != q.decision.Replicas {
		g.changed = s.Now
	}
	q.scaled.take(s.Now, q.decision, p.options.History)
}

// poolReady counts the servers on which some model serves, and those that are to
// stay, whether they are up or not.
func (g *group) poolReady() (ready, staying int) {
	for i := range g.views {
		v := &g.views[i]
		if v.leaving || v.retiring || v.phase != Up {
			continue
		}
		if slices.ContainsFunc(v.holds, func(h held) bool { return h.phase == Serving }) {
			ready++
		}
	}
	servers, _ := g.current()
	return ready, servers - g.retired()
}

// poolLead is how long it takes from the order of a server to a copy on it.
func (p *Planner) poolLead(g *group) time.Duration {
	load := time.Duration(0)
	for _, m := range g.models {
		load = max(load, m.loads.orElse(0.9, p.loads.orElse(m.LoadTime)))
	}
	return g.boots.orElse(0.9, p.boots.orElse(g.BootTime)) + load
}

// A secondsSum adds up the whole seconds of several targets. A second is handed
// out once every target has told it.
type secondsSum struct {
	buf   []policy.Second // ascending, without gaps
	given int             // of buf, handed out
}

// add adds seconds of one target.
func (l *secondsSum) add(seconds []policy.Second) {
	for _, s := range seconds {
		if len(l.buf) == 0 {
			l.buf = append(l.buf, policy.Second{Unix: s.Unix, Known: true})
		}
		i := s.Unix - l.buf[0].Unix
		if i < int64(l.given) || i > 2*maxSeconds {
			continue // it was handed out, or lies beyond all that is kept
		}
		for int64(len(l.buf)) <= i {
			l.buf = append(l.buf, policy.Second{Unix: l.buf[len(l.buf)-1].Unix + 1, Known: true})
		}
		x := &l.buf[i]
		x.Begun += s.Begun
		x.Ended += s.Ended
		x.Failed += s.Failed
		x.Busy += s.Busy
		x.Known = x.Known && s.Known
	}
}

// ready hands out the seconds that all of the models have told. They are valid
// until the next call.
func (l *secondsSum) ready(models []*model) []policy.Second {
	if n := l.given; n > 0 {
		last := l.buf[n-1].Unix
		if l.buf = append(l.buf[:0], l.buf[n:]...); len(l.buf) == 0 {
			l.buf = append(l.buf, policy.Second{Unix: last + 1, Known: true})
		}
		l.given = 0
	}
	if len(l.buf) == 0 || len(models) == 0 {
		return nil
	}
	told := models[0].use.Told
	for _, m := range models {
		told = min(told, m.use.Told)
	}
	l.given = int(min(max(told-l.buf[0].Unix, 0), int64(len(l.buf))))
	return l.buf[:l.given]
}
