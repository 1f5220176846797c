package proxy

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Errors of a request that found no replica.
var (
	errFull = errors.New("too many requests wait for this model")
	errLate = errors.New("no replica of this model became free in time")
)

// A replica that fails is left alone for ejectFirst, twice as long each further
// time in a row, up to ejectMost; then one request at a time tries it, until one
// succeeds.
const (
	ejectFirst = 250 * time.Millisecond
	ejectMost  = 5 * time.Second
)

// A replica is where requests go. Its pool's lock guards it.
type replica struct {
	route    wire.Route
	group    string
	inFlight int
	failures int       // in a row
	until    time.Time // ejected
}

// identity is what makes a route lead to the same replica as another.
type identity struct{ group, server, addr, model, version string }

func (r *replica) identity() identity {
	return identity{r.group, r.route.Server, r.route.Addr, r.route.Model, r.route.ModelVersion}
}

// A need is what a request needs of a replica.
type need struct {
	tried   []*replica // that were lost with it before
	fragile bool       // it must not be lost
}

// suits reports whether a replica is one to try: not again one that was lost with
// this request, and with a fragile one not any that has failed just now.
func (n need) suits(r *replica) bool {
	return !slices.Contains(n.tried, r) && !(n.fragile && r.failures > 0)
}

// free reports whether a replica can take a request now.
func (r *replica) free(now time.Time) bool {
	limit := r.route.Slots
	if r.failures > 0 {
		limit = 1
	}
	return !r.route.Draining && !now.Before(r.until) && (limit == 0 || r.inFlight < limit)
}

// A pool hands out the replicas of one model, each to as many requests as it has
// slots, and lets further requests wait in the order in which they came.
type pool struct {
	most int // requests that may wait

	mu       sync.Mutex
	replicas []*replica
	next     int        // where to begin to look, so that equals take turns
	waiting  *list.List // of *waiter
	again    *time.Timer
	held     uint64 // requests that had to wait, ever
	turned   uint64 // away, because too many waited or for too long
}

// A waiter is a request that waits. given has room for the one replica that it
// gets; it is no longer in the list by then.
type waiter struct {
	need
	given chan *replica
}

func newPool(most int) *pool { return &pool{most: most, waiting: list.New()} }

// acquire waits for a replica, until ctx ends or the deadline passes. Its holder
// must release it.
func (p *pool) acquire(ctx context.Context, n need, deadline time.Time) (*replica, error) {
	p.mu.Lock()
	if p.waiting.Len() == 0 {
		if r := p.pick(n, time.Now()); r != nil {
			p.mu.Unlock()
			return r, nil
		}
	}
	if p.waiting.Len() >= p.most {
		p.turned++
		p.mu.Unlock()
		return nil, errFull
	}
	w := &waiter{n, make(chan *replica, 1)}
	place := p.waiting.PushBack(w)
	p.held++
	p.serve() // nobody is free, but somebody may be let in again soon
	p.mu.Unlock()

	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case r := <-w.given:
		return r, nil
	case <-ctx.Done():
		return p.giveUp(place, ctx.Err())
	case <-late.C:
		return p.giveUp(place, errLate)
	}
}

// giveUp ends a wait with an error, unless it has just been over.
func (p *pool) giveUp(place *list.Element, why error) (*replica, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case r := <-place.Value.(*waiter).given:
		return r, nil
	default:
	}
	p.waiting.Remove(place)
	if errors.Is(why, errLate) {
		p.turned++
	}
	return nil, why
}

// pick takes the free replica with the fewest requests, of those that suit; where
// none suits, free or not, of all.
func (p *pool) pick(n need, now time.Time) *replica {
	var best *replica
	choice := slices.ContainsFunc(p.replicas, func(r *replica) bool { return !r.route.Draining && n.suits(r) })
	for i := range p.replicas {
		r := p.replicas[(p.next+i)%len(p.replicas)]
		if r.free(now) && (!choice || n.suits(r)) && (best == nil || r.inFlight < best.inFlight) {
			best = r
		}
	}
	if best != nil {
		best.inFlight++
		p.next++
	}
	return best
}

// serve gives free replicas to those who wait. When replicas are ejected and
// somebody still waits, it does so again when the first of them is let in.
func (p *pool) serve() {
	now := time.Now()
	for at := p.waiting.Front(); at != nil; {
		next := at.Next()
		w := at.Value.(*waiter)
		if r := p.pick(w.need, now); r != nil {
			p.waiting.Remove(at)
			w.given <- r
		} else if len(w.tried) == 0 && !w.fragile {
			break // if none is free to anybody, none is to those behind
		}
		at = next
	}
	if p.waiting.Len() == 0 {
		return
	}
	var first time.Time
	for _, r := range p.replicas {
		if now.Before(r.until) && (first.IsZero() || r.until.Before(first)) {
			first = r.until
		}
	}
	if first.IsZero() {
		return
	}
	if p.again != nil {
		p.again.Stop()
	}
	p.again = time.AfterFunc(first.Sub(now), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.serve()
	})
}

// An outcome is how a request went for a replica.
type outcome uint8

const (
	answered outcome = iota
	refused          // it did not begin the request
	failed           // it could not be reached, went away or fell silent
	unheard          // the client went away, or the answer was cut short: says nothing
)

// release gives a replica back.
func (p *pool) release(r *replica, how outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.inFlight--
	switch how {
	case answered:
		r.failures, r.until = 0, time.Time{}
	case refused, failed:
		wait := min(ejectFirst<<min(r.failures, 10), ejectMost)
		r.failures++
		r.until = time.Now().Add(wait)
	}
	p.serve()
}

// set replaces the routes to one group's servers. What leads to the same replica
// as before stays as it was.
func (p *pool) set(group string, routes []wire.Route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := map[identity]*replica{}
	var all []*replica
	for _, r := range p.replicas {
		if r.group == group {
			known[r.identity()] = r
		} else {
			all = append(all, r)
		}
	}
	for _, route := range routes {
		r := &replica{route: route, group: group}
		if old := known[r.identity()]; old != nil {
			old.route = route
			r = old
		}
		all = append(all, r)
	}
	p.replicas = all
	p.serve()
}

// routes are those of a group, as they stand.
func (p *pool) routes(group string) (all []wire.Route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, r := range p.replicas {
		if r.group == group {
			route := r.route
			route.InFlight, route.Ejected = r.inFlight, now.Before(r.until)
			all = append(all, route)
		}
	}
	return all
}

// counts are for the metrics.
func (p *pool) counts() (waiting int, held, turned uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting.Len(), p.held, p.turned
}
