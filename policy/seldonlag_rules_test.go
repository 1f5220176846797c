package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// One decision of SeldonLag about two replicas of a version that serves, whose
// last request began, and whose state changed, an hour ago.
func TestSeldonLagRules(t *testing.T) {
	one := policy.SeldonLag{Min: 1}
	bounds := func(low, high int) policy.SeldonLag { return policy.SeldonLag{Min: low, Max: high} }
	with := func(change func(*policy.SeldonInput)) policy.SeldonInput {
		in := policy.SeldonInput{Now: start, Replicas: 2, LastStart: start.Add(-time.Hour), Changed: start.Add(-time.Hour), Available: true}
		change(&in)
		return in
	}
	load := func(mean float64) policy.SeldonInput {
		return with(func(in *policy.SeldonInput) { in.Mean = mean })
	}
	each := func(x ...float64) policy.SeldonInput {
		return with(func(in *policy.SeldonInput) { in.Mean, in.InFlight = 99, x })
	}
	since := func(begun, changed float64) policy.SeldonInput {
		return with(func(in *policy.SeldonInput) {
			in.LastStart, in.Changed = start.Add(-sec(begun)), start.Add(-sec(changed))
		})
	}
	of := func(n int, in policy.SeldonInput) policy.SeldonInput { in.Replicas = n; return in }
	step := func(r policy.Reason, from, to int, have, limit float64) policy.Step {
		return policy.Step{Reason: r, From: from, To: to, Have: have, Limit: limit}
	}
	until := func(s float64, why policy.Step) policy.Step { why.Until = start.Add(sec(s)); return why }
	for _, c := range []struct {
		name   string
		config policy.SeldonLag
		in     policy.SeldonInput
		want   policy.Step
	}{
		{"without Min and Max scaling is off", policy.SeldonLag{}, load(99), step(policy.ScalingOff, 2, 2, 0, 0)},
		{"Max alone switches it on", bounds(0, 9), load(30), step(policy.LagThreshold, 2, 3, 30, 30)},
		{"the threshold itself asks for one more", one, load(30), step(policy.LagThreshold, 2, 3, 30, 30)},
		{"below it does not, and while requests begin nothing goes", one, with(func(in *policy.SeldonInput) { in.Mean, in.LastStart = 29.9, start }), step(policy.LagBelow, 2, 2, 29.9, 30)},
		{"one replica at the threshold is enough", one, each(0, 30, 5), step(policy.LagThreshold, 2, 3, 30, 30)},
		{"where each is known the mean does not count", one, each(0, 5), step(policy.Inactive, 2, 1, 3600, 600)},
		{"a version that does not serve yet holds", one, with(func(in *policy.SeldonInput) { in.Mean, in.Available = 40, false }), step(policy.NotAvailable, 2, 2, 40, 30)},
		{"one below the maximum", bounds(1, 3), load(40), step(policy.LagThreshold, 2, 3, 40, 30)},
		{"at the maximum", bounds(1, 2), load(40), step(policy.AboveMax, 2, 2, 2, 2)},
		{"inactive for exactly so long", one, since(600, 3600), step(policy.Inactive, 2, 1, 600, 600)},
		{"not quite", one, since(599.5, 3600), step(policy.LagBelow, 2, 2, 0, 30)},
		{"never below one", bounds(0, 9), of(1, load(0)), step(policy.LeastOne, 1, 1, 1, 1)},
		{"nor below the minimum", bounds(3, 9), of(3, load(0)), step(policy.LeastOne, 3, 3, 3, 3)},
		{"one above the minimum", bounds(3, 9), of(4, load(0)), step(policy.Inactive, 4, 3, 3600, 600)},
		{"changed a cool-down ago", one, since(3600, 60), step(policy.Inactive, 2, 1, 3600, 600)},
		{"not quite: until then", one, since(3600, 59.5), until(0.5, step(policy.CoolingDown, 2, 2, 59.5, 60))},
		{"a cool-down does not hold the way up", one, with(func(in *policy.SeldonInput) { in.Mean, in.Changed = 30, start }), step(policy.LagThreshold, 2, 3, 30, 30)},
		{"its own numbers", policy.SeldonLag{Min: 1, LagThreshold: 5, Inactive: time.Second, CoolDown: time.Second}, since(1, 1), step(policy.Inactive, 2, 1, 1, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, why := c.config.Decide(c.in)
			require.Equal(t, []any{c.want.To, c.want}, []any{n, why})
		})
	}
}
