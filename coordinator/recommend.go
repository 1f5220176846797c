package coordinator

import "strings"

// A Situation is what [Recommend] asks about. The zero value: several models
// share servers, requests in flight tell enough, and the models may keep
// replicas for as long as any request comes.
type Situation struct {
	OneToOne    bool // every server is to hold one replica of one model
	MultiModel  bool // servers are to hold replicas of several models; the default where OneToOne is not set
	MetricStore bool // the MetricSource can ask a metric store, not only count requests
	// CustomMetric is the series that tells the load of a model better than its
	// requests in flight; "" is none.
	CustomMetric string
	// Target is what one replica should carry, of CustomMetric or else of requests
	// in flight, > 0; 0 leaves it to the approach's default, which CustomMetric has
	// none of.
	Target float64
	// LightLoad: models must give back replicas while requests still come, if few.
	LightLoad bool
}

// A Recommendation is an approach and why it is the one to choose.
type Recommendation struct {
	Approach Approach // configured, as far as the situation tells
	Why      string
	Path     []Answer // what was asked, in order
	Caveats  []Caveat
	// Alternative, if not nil, is ours in the same situation: without the caveats
	// that come from deciding as the original does.
	Alternative Approach
}

// An Answer is a question of the decision tree and what the situation says to it.
type Answer struct {
	Question string
	Yes      bool
}

// A Caveat is a limit that the documentation of Seldon Core 2 states for its
// approach, in our words, and what becomes of it here.
type Caveat struct{ Seldon, Here string }

// String tells it in lines: the approach, the way there, the caveats.
func (r Recommendation) String() string {
	var b strings.Builder
	b.WriteString(r.Approach.String() + "\n  because " + r.Why + "\n")
	for _, a := range r.Path {
		answer := "no"
		if a.Yes {
			answer = "yes"
		}
		b.WriteString("  " + a.Question + " " + answer + "\n")
	}
	for _, c := range r.Caveats {
		b.WriteString("  Seldon: " + c.Seldon + "; here: " + c.Here + "\n")
	}
	if r.Alternative != nil {
		b.WriteString("  or " + r.Alternative.String() + "\n")
	}
	return b.String()
}

// Recommend walks the decision tree that the documentation of Seldon Core 2
// ("Autoscaling", and the pages below it) publishes for its three approaches.
// Where the tree has no leaf, or the leaf cannot do what is asked, it is
// [BothWays]; elsewhere that is the Alternative.
func Recommend(s Situation) Recommendation {
	var r Recommendation
	ask := func(question string, yes bool) bool {
		r.Path = append(r.Path, Answer{question, yes})
		return yes
	}
	ours := BothWays{}
	if s.CustomMetric == "" {
		ours.InFlight = s.Target
	}
	scales := func() (Approach, bool) {
		if !ask("is a custom metric wanted?", s.CustomMetric != "") {
			return nil, true
		}
		if !ask("is a metric store at hand?", s.MetricStore) {
			return nil, false
		}
		return ByMetric{Metric: s.CustomMetric, Target: s.Target}, true
	}

	if ask("one model per server?", s.OneToOne) && !ask("and several models on some?", s.MultiModel) {
		metric, ok := scales()
		r.Caveats = oneToOneCaveats
		switch {
		case !ok:
			r.Approach, r.Why = OneToOne{ours}, "models and servers go together, and "+noStore
		case metric == nil:
			r.Approach, r.Why = OneToOne{ours}, "models and servers go together, and requests in flight take no metric store"
		default:
			r.Approach, r.Why = OneToOne{metric}, "models and servers go together, and the metric that you want is at hand"
			r.Caveats = append(r.Caveats[:len(r.Caveats):len(r.Caveats)], metricCaveats...)
		}
		return r
	}
	if s.OneToOne {
		r.Approach, r.Why = ours, "some models share servers: one approach serves both, and a group of one model alone may still be one to one"
		return r
	}
	switch metric, ok := scales(); {
	case !ok:
		r.Approach, r.Why = ours, noStore
	case metric != nil:
		r.Approach, r.Why = metric, "models share servers, and the metric that you want is at hand"
		r.Caveats, r.Alternative = metricCaveats, withMetric(ours, s)
	case ask("must replicas go while some requests still come?", s.LightLoad):
		r.Approach, r.Why = ours, "models share servers and requests in flight tell enough, but lag as Seldon uses it takes replicas from idle models only"
		r.Caveats = lagCaveats
	default:
		r.Approach, r.Why = ByLag{LagThreshold: s.Target}, "models share servers, and requests in flight tell enough"
		r.Caveats, r.Alternative = lagCaveats, ours
	}
	return r
}

const noStore = "the metric that you want needs a metric store; until there is one, requests in flight are counted on the way to the model"
