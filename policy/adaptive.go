package policy

import (
	"errors"
	"math"
	"time"

	"github.com/bellows-go/bellows/internal/slide"
)

// Adaptive is the policy to begin with: it is told what may wait for how long, and
// learns the rest, service times, bursts, and how far what comes may be from what
// came, so that one configuration serves models of any kind.
//
// A replica is bought when it is worth more than it costs. Every second asks for a
// number of slots: those with which all that came of late begin within Wait, as an
// Envelope reckons them, but of a station that is not empty. That is compared with
// what was foreseen a start-up time before: the most that the mean rate had been of
// late, in slots. How often it was how many times as much is remembered, for every
// request, for hours; that tells which share of requests a count would serve too
// late, and the count is taken that costs least (the newsvendor's problem: Arrow,
// Harris and Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951). A
// request too late is worth 1.4 service times of a slot, and as much again for every
// time that 1-Share goes into the share of them, but 17 times at most. Steady traffic
// thus gets a narrow margin, and bursts that come again a wide one, without being
// told apart. Bursts so short and rare that what would meet them stands idle all but
// always are not met: the price of a late request has a limit. Four outlooks of
// different length are kept, and the one is followed whose counts are the cheapest
// by its own odds.
//
// What comes and goes faster than that is met as it comes: no fewer replicas than
// keep the share that waits longer than Wait within 19 times 1-Share, but half at
// most, by Erlang's C for the rate of now (see SLO), than a jump of the rate asks
// for, or than work off what piles up until more are ready. A count that was once
// asked for stays for two and a half minutes.
//
// Where a start takes less than Wait, nothing is kept in store: replicas are
// ordered for the requests that are there, in time for the last of them, down to
// none. They stay for half a start-up time, and no longer than others do.
type Adaptive struct {
	Wait  time.Duration // that is not too long; > 0. An objective of latency less a high quantile of the service time
	Share float64       // of requests that are to wait no longer, in [0.5, 0.99999]; 0 is 0.999
	// Service is what the mean service time is thought to be; it counts as much as
	// ten requests seen, so that it is soon forgotten. 0: nothing is thought.
	Service time.Duration // >= 0
}

// Validate reports every fault of c.
func (c Adaptive) Validate() error {
	var f faults
	f.Require(c.Wait > 0, "Wait", "must be > 0, is %v", c.Wait)
	f.Require(c.Share == 0 || c.Share >= 0.5 && c.Share <= 0.99999, "Share", "must be in [0.5, 0.99999], is %v", c.Share)
	f.Require(c.Service >= 0, "Service", "must be >= 0, is %v", c.Service)
	return f.Err()
}

// Needs asks for the requests in flight and for whole seconds.
func (c Adaptive) Needs() Needs { return streamNeeds() }

// New makes a policy that knows nothing of its target yet. It lowers nothing before
// it has seen it for a minute; and while it knows no service time nothing at all,
// but to none where no request came for ten minutes.
func (c Adaptive) New(time.Time, int) Policy {
	c.Share = orDefault(c.Share, 0.999)
	return &adaptive{Adaptive: c, adaptiveMemory: adaptiveMemory{
		stream: newStream(adaptiveSpan), Demand: newDemand(),
		Views:  [adaptiveViews]outlook{newOutlook(), newOutlook(), newOutlook(), newOutlook()},
		Counts: slide.Max{Slots: adaptiveCounts, Entries: make([]slide.Entry, 0, adaptiveCounts)},
	}}
}

// The constants of Adaptive, all of them but those of its parts.
const (
	adaptiveSpan  = 600 // seconds of arrivals remembered
	adaptiveYoung = 60  // known seconds before anything is lowered
	adaptiveFew   = 500 // requests ended, from which on those that are served do not count

	adaptiveNear = 1.15 // times that of the last hundred, or less by it, is a service time that is believed

	adaptiveViews   = 4
	adaptivePrice   = 1.4    // services of a slot that a request too late is worth
	adaptiveDearest = 17     // times as much on top, at most, where many are
	adaptiveSlack   = 0.3    // replicas that another count must be better by
	adaptiveLeast   = 0.05   // of a replica, that is foreseen where nothing comes
	adaptiveFollow  = 1800.0 // decisions over which the cost of an outlook is the mean
	adaptiveLeave   = 1.01   // times as cheap must another outlook be

	adaptiveNow    = 60    // seconds, or two services, of which the rate of now is the mean
	adaptiveLate   = 19    // times 1-Share: what may be late of the load of now
	adaptiveSpread = 0.625 // see queueing.Spread: random arrivals, services of a quarter of the variability of exponential ones
	adaptiveDrain  = 15    // seconds to work off what has piled up
	adaptiveTick   = 2     // seconds that pass before an order is given
	adaptiveSlot   = 5     // seconds of a slot of Counts
	adaptiveCounts = 30    // slots
	adaptiveLinger = 0.5   // of a start is what for how long a count stays that needs no store
	adaptiveLead   = 60    // seconds of a start where Observation.Lead is unknown
)

// The horizons of the outlooks, as a replay of all traces chose them.
var adaptiveHorizons = [adaptiveViews]horizon{{20, 1200}, {60, 2400}, {120, 300}, {30, 300}}

type adaptive struct {
	Adaptive
	adaptiveMemory
	hull hull
}

type adaptiveMemory struct {
	stream
	Demand   demand
	Views    [adaptiveViews]outlook
	Followed int       // of Views
	Decided  float64   // how often, while anything was known
	Counts   slide.Max // what was decided
	Station  station   // as it is now
}

func (m *adaptiveMemory) valid() error {
	if m.Followed < 0 || m.Followed >= adaptiveViews || !(m.Decided >= 0 && m.Decided <= 1e15) {
		return errors.New("an outlook that is none")
	}
	errs := []error{m.stream.valid(), m.Demand.valid(), m.Station.valid(), m.Counts.Valid(maxReplicas)}
	for i := range m.Views {
		errs = append(errs, m.Views[i].valid())
	}
	return errors.Join(errs...)
}

func (p *adaptive) fits(m *adaptiveMemory) error {
	if m.Counts.Slots != adaptiveCounts {
		return errors.New("a window of another length")
	}
	return m.Arrivals.spans(adaptiveSpan)
}

func (p *adaptive) Decide(o Observation) Decision {
	k, _ := p.Served.slots(&o)
	lead := leadOf(&o, adaptiveLead) + adaptiveTick
	fresh := false
	for i := range o.Seconds {
		if x := &o.Seconds[i]; p.second(&o, x) {
			fresh = true
			p.learn(&o, x.Unix, float64(k), lead)
		}
	}
	p.Follow.anchor(&o, &o.Readings[0])
	s, ok := p.mean(&o)
	if !ok {
		return p.unsure(&o, fresh, float64(k))
	}
	now := p.Arrivals.rate(int(min(max(adaptiveNow, 2*s), adaptiveSpan)))
	p.Station = station{Load: now * s, Service: s, Wait: p.Wait.Seconds(), Spread: adaptiveSpread}
	n, why, have, limit := p.wants(&o, k, now, lead)
	if p.Arrivals.clock < adaptiveYoung && n < o.Desired {
		return o.Hold(Learning, float64(p.Arrivals.clock), adaptiveYoung)
	}
	p.Counts.Record(floorDiv(o.Now.Unix(), adaptiveSlot), float64(n))
	most := int(p.Counts.Current())
	if p.timely(lead) { // the last of what was ordered may be wanted yet
		most = int(p.Counts.Since(floorDiv(o.Now.Unix()-int64(adaptiveLinger*lead), adaptiveSlot)))
	}
	if most > n {
		have, n, why, limit = float64(n), most, Stabilizing, float64(most)
	}
	return settle(&o, fresh, why, n, have, limit)
}

// timely reports whether what is ordered for the requests that are there comes in
// time.
func (p *adaptive) timely(lead float64) bool { return p.Wait.Seconds() > lead }

// wants is the count for now: the most that any rule asks for, which one, and what
// it compared.
func (p *adaptive) wants(o *Observation, k int, now, lead float64) (n int, why Reason, have, limit float64) {
	s := &p.Station
	each := float64(k)
	raise := func(to int, r Reason, a, b float64) {
		if to > n || why == "" {
			n, why, have, limit = min(to, maxReplicas), r, a, b
		}
	}
	flight := p.Follow.Flight
	if p.timely(lead) {
		rounds := math.Floor((s.Wait-lead)/s.Service) + 1
		raise(ceil(s.Load/each), TargetRatio, s.Load, each)
		raise(ceil(flight/rounds/each), DrainBy, flight, s.Wait)
		return n, why, have, limit
	}
	bought, base, stake := p.buy(each, now)
	raise(bought, Worth, base, stake)
	if s.Load > 0 {
		raise(replicas(float64(s.slots(min(adaptiveLate*(1-p.Share), 0.5))), k), WaitLimit, s.Load, s.Spread)
	}
	if r, yes := jumped(&p.Arrivals, now, s.Service); yes {
		raise(ceil(r*s.Service/each), Jumped, r, now)
	}
	serving := float64(o.Ready) * each
	if over := flight - max(serving, float64(n)*each); over > 0 {
		load := p.Arrivals.rate(int(min(max(10, 2*s.Service), adaptiveSpan))) * s.Service
		piled := max(0, flight-serving+float64((load-serving)*lead)/s.Service)
		slots := min(load+float64(piled*s.Service)/adaptiveDrain, flight+max(load, serving)+float64(load*lead)/s.Service)
		raise(ceil(slots/each), DrainBy, over, adaptiveDrain)
	}
	return n, why, have, limit
}

// buy is the count that is worth it, by the outlook that is followed; what that
// foresees, and what all requests of a moment are worth.
func (p *adaptive) buy(each, now float64) (count int, base, stake float64) {
	long := p.Arrivals.rate(adaptiveSpan)
	least := adaptiveLeast * each
	// A quiet stretch makes no less of what comes after it. Of the outlooks the last is
	// among those whose odds count in full the soonest.
	usual := p.Views[adaptiveViews-1].Odds.rate()
	stake = adaptivePrice * (float64(max(long, now, usual)*p.Station.Service) + least) / each
	weight := max(1/adaptiveFollow, 1/(1+p.Decided))
	p.Decided = min(p.Decided+1, 1e15)
	cheapest := math.Inf(1)
	follow := p.Followed
	for i := range p.Views {
		v := &p.Views[i]
		var cost float64
		v.Bought, cost = v.Odds.best(purchase{
			Foreseen: float64(v.Rates.Current()*p.Station.Service) + least, Each: each, Stake: stake, Miss: 1 - p.Share, Dearest: adaptiveDearest,
			Rate: long, Now: v.Bought, Slack: adaptiveSlack,
		})
		v.Cost += float64((cost - v.Cost) * weight)
		mean := v.Cost
		if i != p.Followed {
			mean *= adaptiveLeave
		}
		if mean < cheapest {
			cheapest, follow = mean, i
		}
	}
	p.Followed = follow
	v := &p.Views[follow]
	if base = v.Rates.Current() * p.Station.Service; base > 0 {
		return max(v.Bought, 1), base, stake // a start would come too late
	}
	return v.Bought, base, stake
}

// unsure is the decision while the service time is not known: nothing is lowered
// but for want of any request, and what is there gets its slots.
func (p *adaptive) unsure(o *Observation, fresh bool, each float64) Decision {
	n := ceil(p.Follow.Flight / each)
	if n == 0 && o.Readings[0].Value == 0 && p.Arrivals.span() >= adaptiveSpan && p.Arrivals.sum(adaptiveSpan) == 0 {
		return settle(o, fresh, Inactive, 0, adaptiveSpan, adaptiveSpan)
	}
	if n <= o.Desired {
		return o.Hold(Learning, p.Served.seen())
	}
	return o.Propose(Learning, n, p.Served.seen())
}

// learn takes in the newest known second.
func (p *adaptive) learn(o *Observation, unix int64, each, lead float64) {
	s, ok := p.mean(o)
	if !ok {
		return
	}
	asked := p.Demand.second(&p.Arrivals, s, p.Wait.Seconds())
	for i := range p.Views {
		p.Views[i].second(adaptiveHorizons[i], &p.Arrivals, unix, s, lead, asked, adaptiveLeast*each)
	}
}

// mean is the mean service time. While few have ended, those that are being served
// count by halves: of those that began together none ends until it has been served.
// When many have, the mean stays near that of the last hundred.
func (p *adaptive) mean(o *Observation) (seconds float64, ok bool) {
	busy, done := p.Served.Busy, p.Served.Done
	done += float64(min(p.Follow.Flight, slotsServing(o)) / 2 * max(0, 1-done/adaptiveFew))
	if declared := p.Service.Seconds(); declared > 0 {
		busy, done = busy+float64(declared*servicePrior), done+servicePrior
	}
	if done < 1 || !(busy > 0) {
		return 0, false
	}
	seconds = busy / done
	if q := p.Served.QuickDone; q >= serviceQuick && p.Served.QuickBusy > 0 {
		quick := p.Served.QuickBusy / q
		seconds = min(max(seconds, quick/adaptiveNear), quick*adaptiveNear)
	}
	return min(seconds, mostService), true
}

// Value is the share of requests that wait no longer than Wait with n replicas, or
// what mixing that of two counts makes of it where that is more.
func (p *adaptive) Value(o Observation, n int) float64 {
	if p.Station.Service == 0 {
		return share(n, o.Desired)
	}
	k, _ := p.Served.slots(&o)
	return p.hull.value(&p.Station, k, n)
}

func (p *adaptive) AppendState(dst []byte) []byte { return appendState(dst, &p.adaptiveMemory) }

func (p *adaptive) Restore(state []byte) error {
	return restoreFitting(state, &p.adaptiveMemory, p.fits)
}

// Worth: past odds make so many worth their cost. Have: the load foreseen, slots,
// Limit: what all requests of a moment are worth, replicas.
const Worth Reason = "worth its cost"
