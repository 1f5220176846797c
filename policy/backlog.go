package policy

import "time"

// A Backlog asks for replicas enough to finish what is outstanding by a deadline,
// beside what comes in the meantime: of Q requests that wait, those that the replicas
// at hand do not begin in the start-up time L, spread over what then remains of
// Within,
//
//	slots = a + (Q - (serving - a) * L/S) * S / (Within - L)
//
// with the load a = rate * S of the last minute and the service time S that it
// learns. Where L leaves less than a quarter of Within, that quarter is what
// remains. No more slots are asked for than there are requests, those being served
// and those to come within L included; and no fewer than are serving one: that
// nothing came for a minute does not end what runs for longer.
type Backlog struct {
	Within  time.Duration // > 0; in which the last of those that wait is to be served
	Signal  Signal        // how many wait; Name "": those in flight for which no slot is ready
	Lead    time.Duration // from order to ready where Observation.Lead is unknown, >= 0; 0 is 60 s
	Service time.Duration // what the mean service time is thought to be, >= 0, see SLO; 0: nothing
}

// Validate reports every fault of c.
func (c Backlog) Validate() error {
	var f faults
	f.Require(c.Within > 0, "Within", "must be > 0, is %v", c.Within)
	if c.Signal != (Signal{}) {
		f.Under("Signal", c.Signal.Validate())
	}
	f.Require(c.Lead >= 0, "Lead", "must be >= 0, is %v", c.Lead)
	f.Require(c.Service >= 0, "Service", "must be >= 0, is %v", c.Service)
	return f.Err()
}

// Needs asks for the requests in flight, whole seconds, and Signal if it is
// another.
func (c Backlog) Needs() Needs {
	n := streamNeeds()
	if c.Signal != (Signal{}) {
		n.Signals = append(n.Signals, c.Signal)
	}
	return n
}

// New makes a policy that knows nothing of its target yet, and holds until it
// does.
func (c Backlog) New(time.Time, int) Policy {
	c.Lead = orDefault(c.Lead, time.Minute)
	return &backlog{Backlog: c, stream: newStream(backlogSpan)}
}

const backlogSpan = 60 // seconds of arrivals remembered

type backlog struct {
	Backlog
	stream
}

func (p *backlog) Decide(o Observation) Decision {
	fresh := false
	for i := range o.Seconds {
		fresh = p.second(&o, &o.Seconds[i]) || fresh
	}
	p.Follow.anchor(&o, &o.Readings[0])
	s, ok := p.Served.mean(p.Service.Seconds())
	if !ok {
		return o.Hold(Learning, p.Served.seen())
	}
	r := &o.Readings[len(o.Readings)-1]
	if !r.usable() || r.Value < 0 {
		return o.Hold(SignalNotOK, float64(r.Quality))
	}
	k, _ := p.Served.slots(&o)
	d := draining{
		Waiting: min(r.Value, 1e12), Rate: p.Arrivals.rate(backlogSpan), Service: s, Serving: float64(max(o.Ready, 0)) * float64(k),
		Lead: leadOf(&o, p.Lead.Seconds()), Within: p.Within.Seconds(),
	}
	if p.Signal == (Signal{}) {
		d.Waiting = max(0, d.Waiting-d.Serving)
	}
	slots := d.slots()
	if flight := &o.Readings[0]; flight.usable() {
		slots = max(slots, min(flight.Value, d.Serving))
	}
	n := replicas(slots, k)
	if n < o.Desired && r.Quality != OK {
		return o.Hold(SignalNotOK, float64(r.Quality))
	}
	return settle(&o, fresh, DrainBy, n, d.Waiting, p.Within.Seconds())
}

func (p *backlog) AppendState(dst []byte) []byte { return appendState(dst, &p.stream) }

func (p *backlog) Restore(state []byte) error {
	return restoreFitting(state, &p.stream, func(m *stream) error { return m.Arrivals.spans(backlogSpan) })
}

// A draining is a queue that is to be finished.
type draining struct {
	Waiting float64 // requests
	Rate    float64 // that come, per second
	Service float64 // mean, seconds, > 0
	Serving float64 // slots at hand
	Lead    float64 // seconds until more are
	Within  float64 // seconds, > 0
}

// left is how many wait when more slots can be at hand, if none turn up.
func (d draining) left() float64 {
	return max(0, d.Waiting-max(0, d.Serving-float64(d.Rate*d.Service))*d.Lead/max(d.Service, 1e-9))
}

// slots is how many are to serve, see Backlog.
func (d draining) slots() float64 {
	load := float64(d.Rate * d.Service)
	remains := max(d.Within-d.Lead, d.Within/4)
	slots := load + float64(d.left()*d.Service)/remains
	return min(slots, d.Waiting+max(load, d.Serving)+float64(d.Rate*d.Lead), maxReplicas)
}

// DrainBy: what waits is to be served in time. Have: how many wait, Limit: Within,
// seconds.
const DrainBy Reason = "drain by deadline"
