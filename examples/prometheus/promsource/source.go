package promsource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// address is how a Query is found.
type address struct {
	kind         coordinator.TargetKind
	target, name string // target is "" for a query for all
}

// A Source reads series from a Prometheus server. It is safe for concurrent use.
// New makes one.
type Source struct {
	options Options
	client  *client
	queries map[address]*Query

	mu   sync.Mutex // guards what follows
	last time.Time  // the instant of the last Read
	seen map[origin]stamped
}

var _ coordinator.MetricSource = (*Source)(nil)

// New returns a Source. The error names every bad option; the server is not
// asked yet.
func New(o Options) (*Source, error) {
	o.Queries = slices.Clone(o.Queries)
	o.Header = o.Header.Clone()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Source{options: o.filled(), queries: map[address]*Query{}}
	var err error
	if s.client, err = newClient(&s.options); err != nil {
		return nil, err
	}
	for i := range o.Queries {
		q := &o.Queries[i]
		s.queries[address{q.Kind, q.Target, q.Name}] = q
	}
	return s, nil
}

// Close lets go of idle connections. The Source may be used on.
func (s *Source) Close() { s.client.http.CloseIdleConnections() }

// query finds the query for a series, nil for none.
func (s *Source) query(w coordinator.Series) *Query {
	if q := s.queries[address{w.Target.Kind, w.Target.Name, w.Name}]; q != nil {
		return q
	}
	return s.queries[address{w.Target.Kind, "", w.Name}]
}

// Read asks what the wanted series need, each expression once, and appends their
// samples. The error joins what went wrong with each expression, and names series
// that no query is for (policy.Errors and policy.BusySeconds aside, which policies
// do without), the first few of many; what did come is returned all the same.
func (s *Source) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	if len(want) == 0 {
		return dst, nil
	}
	var errs []error
	plan := newRound()
	for _, w := range want {
		q := s.query(w)
		if q == nil && (w.Name == policy.Errors || w.Name == policy.BusySeconds) {
			continue // policies that look at seconds want them too, and do without
		}
		if q == nil {
			errs = append(errs, fmt.Errorf("promsource: no query for %v %s", w.Target, w.Name))
			continue
		}
		plan.want(w, q)
	}
	at, err := s.instant(ctx)
	if err != nil {
		return dst, err
	}
	if err := s.askAll(ctx, plan, at); err != nil {
		return dst, err
	}
	dst, failed := s.samples(plan, at, dst)
	return dst, join(append(errs, failed...))
}

// join joins errors; of many like one another, a few tell all.
func join(errs []error) error {
	const most = 8
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most:most], fmt.Errorf("promsource: and %d more", n))
	}
	return errors.Join(errs...)
}

// instant is when all queries of a Read are evaluated: never twice the same, so
// that a value has one instant. It has the server's grain, a millisecond.
func (s *Source) instant(ctx context.Context) (time.Time, error) {
	for {
		s.mu.Lock()
		at := time.UnixMilli(time.Now().Add(-s.options.Delay).UnixMilli())
		fresh := !at.Equal(s.last)
		if fresh {
			s.last = at
		}
		s.mu.Unlock()
		if fresh {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("promsource: %w", context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
}

// askAll asks every expression of a round, some at once. The error is that of
// the token.
func (s *Source) askAll(ctx context.Context, r *round, at time.Time) error {
	token, err := s.client.token()
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	next := make(chan *asked, len(r.order))
	for _, a := range r.order {
		next <- a
	}
	close(next)
	for range min(s.options.Parallel, len(r.order)) {
		all.Go(func() {
			for a := range next {
				if a.err = ctx.Err(); a.err == nil {
					a.answer, a.err = s.client.ask(ctx, token, a.expr, at)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// An asked is one expression and what came of it.
type asked struct {
	expr   string
	answer answer
	err    error
	told   bool // err was reported
	// by has the elements by the value of a label, each label once.
	by map[string]map[string][]*element
}

// of are the elements that name a target by a label, in the server's order.
func (a *asked) of(label, target string) []*element {
	by, done := a.by[label]
	if !done {
		by = map[string][]*element{}
		for i := range a.answer.elements {
			e := &a.answer.elements[i]
			v, ok := e.labels[label]
			if !ok || label == "" {
				v = "" // of no target, as an empty label is
			}
			by[v] = append(by[v], e)
		}
		if a.by == nil {
			a.by = map[string]map[string][]*element{}
		}
		a.by[label] = by
	}
	return by[target]
}

// A round is what one Read asks.
type round struct {
	order  []*asked
	byExpr map[string]*asked
	wishes []wish
}

// A wish is one wanted series and the expressions that answer it.
type wish struct {
	coordinator.Series
	query                *Query
	value, stamp, source *asked // stamp and source may be nil
}

func newRound() *round { return &round{byExpr: map[string]*asked{}} }

func (r *round) want(w coordinator.Series, q *Query) {
	ask := func(expr string) *asked {
		if expr == "" {
			return nil
		}
		expr = q.forTarget(expr, w.Target.Name)
		a := r.byExpr[expr]
		if a == nil {
			a = &asked{expr: expr}
			r.byExpr[expr] = a
			r.order = append(r.order, a)
		}
		return a
	}
	r.wishes = append(r.wishes, wish{w, q, ask(q.Expr), ask(q.Stamp), ask(q.Sources)})
}
