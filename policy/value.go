package policy

// A Valuer is a Policy that can also say what a count would be worth, so that
// what is scarce goes where it helps most.
//
// Value is the worth of n replicas in the situation of o: in [0, 1], never less
// for more replicas, and concave (each replica adds at most what the one before
// it added), so that giving the next replica to whoever gains most is best for
// the sum. It changes nothing: neither the memory of the policy nor its next
// decision. n is >= 0. o is the observation of the last Decide, or one without
// Seconds that are new to the policy.
type Valuer interface {
	Policy
	Value(o Observation, n int) float64
}

// Value is p's value of n replicas: what a Valuer says, also one that combinators
// wrap; of other policies the share of desired that n reaches, desired being p's
// last decision. Of the parts of a Highest the one counts to which n is worth the
// least; a Lowest and a First have no value of their own.
func Value(p Policy, o Observation, desired, n int) float64 {
	if v, ok := valued(p, o, n); ok {
		return v
	}
	return share(n, desired)
}

// share is what n replicas of desired are worth where no more is known.
func share(n, desired int) float64 {
	if n >= desired {
		return 1
	}
	return float64(max(n, 0)) / float64(desired)
}

// A within is a combinator to which a count is worth what it is to a part.
type within interface {
	// within is that part, what it sees of o, and how many of n are of use to it; nil
	// if none is asked now.
	within(o Observation, n int) (Policy, Observation, int)
}

// valued is what a Valuer in p says; ok is false when there is none.
func valued(p Policy, o Observation, n int) (value float64, ok bool) {
	for {
		switch x := p.(type) {
		case Valuer:
			return x.Value(o, n), true
		case *several:
			return x.valued(o, n)
		case within:
			p, o, n = x.within(o, n)
		default:
			return 0, false
		}
	}
}

func (p *several) valued(o Observation, n int) (least float64, ok bool) {
	if p.reason != HighestOf {
		return 0, false
	}
	readings, pods := o.Readings, o.Pods
	for i, part := range p.parts {
		o.Readings, readings = readings[:p.reads[i]], readings[p.reads[i]:]
		o.Pods, pods = pods[:p.lists[i]], pods[p.lists[i]:]
		if v, is := valued(part, o, n); is && (!ok || v < least) {
			least, ok = v, true
		}
	}
	return least, ok
}

func (p *tolerate) within(o Observation, n int) (Policy, Observation, int)   { return p.of, o, n }
func (p *cooldown) within(o Observation, n int) (Policy, Observation, int)   { return p.of, o, n }
func (p *flapBudget) within(o Observation, n int) (Policy, Observation, int) { return p.of, o, n }
func (p *stabilize) within(o Observation, n int) (Policy, Observation, int)  { return p.of, o, n }
func (p *pace) within(o Observation, n int) (Policy, Observation, int)       { return p.of, o, n }
func (p *every) within(o Observation, n int) (Policy, Observation, int)      { return p.of, o, n }
func (p *fallback) within(o Observation, n int) (Policy, Observation, int)   { return p.of, o, n }
func (p *calendar) within(o Observation, n int) (Policy, Observation, int)   { return p.of, o, n }

func (p *bound) within(o Observation, n int) (Policy, Observation, int) {
	if p.Max > 0 {
		n = min(n, p.Max)
	}
	return p.of, o, n
}

func (p *freeze) within(o Observation, n int) (Policy, Observation, int) {
	if o.Now.Before(p.Until) {
		return nil, o, n
	}
	return p.of, o, n
}

func (p *idle) within(o Observation, n int) (Policy, Observation, int) {
	o.Readings = o.Readings[:len(o.Readings)-1]
	return p.of, o, n
}

func (p *useful) within(o Observation, n int) (Policy, Observation, int) {
	if p.Signal.Name != "" {
		o.Readings = o.Readings[:len(o.Readings)-1]
	}
	return p.of, o, min(n, p.Cap)
}
