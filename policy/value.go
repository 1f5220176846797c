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

// Value is p's value of n replicas: what a Valuer says, of other policies the
// share of desired that n reaches, desired being p's last decision.
func Value(p Policy, o Observation, desired, n int) float64 {
	if v, ok := p.(Valuer); ok {
		return v.Value(o, n)
	}
	if n >= desired {
		return 1
	}
	return float64(max(n, 0)) / float64(desired)
}
