package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// reconcile is one turn of an HPA, at seconds after the first.
type reconcile struct {
	at      float64
	current int
	metrics []policy.Proposed
	want    policy.HPADecision
	limits  *policy.HPALimits // from now on, if not nil
}

func m(n int) policy.Proposed { return policy.Proposed{Replicas: n, OK: true} }

var lost policy.Proposed // a metric that failed

// turn is a reconcile of one metric.
func turn(at float64, current, proposal int, want policy.HPADecision) reconcile {
	return reconcile{at: at, current: current, metrics: []policy.Proposed{m(proposal)}, want: want}
}

func turns(at float64, current int, want policy.HPADecision, metrics ...policy.Proposed) reconcile {
	return reconcile{at: at, current: current, metrics: metrics, want: want}
}

func under(l policy.HPALimits, r reconcile) reconcile { r.limits = &l; return r }

// decided is what comes of a proposal that is stabilized and limited.
func decided(proposal, stabilized, desired int, result policy.HPAResult, limit policy.Reason) policy.HPADecision {
	return policy.HPADecision{Proposal: proposal, Stabilized: stabilized, Desired: desired, Result: result, Limit: limit}
}

// undecided is what comes of a turn in which no metric was looked at.
func undecided(current, desired int, result policy.HPAResult) policy.HPADecision {
	return decided(current, current, desired, result, "")
}

func byItself(d policy.HPADecision) policy.HPADecision { d.ScaledToZero = true; return d }

const (
	scaled, same, partial = policy.HPAScaled, policy.HPAUnchanged, policy.HPAPartial
	inRange               = policy.DesiredWithinRange
	tooFew, tooMany       = policy.TooFewReplicas, policy.TooManyReplicas
	upLimit, downLimit    = policy.ScaleUpLimit, policy.ScaleDownLimit
)

func reconciles(t *testing.T, rules []reconcileRule) {
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			d := policy.NewHPADecider(c.limits)
			var got, want []policy.HPADecision
			for _, r := range c.turns {
				if r.limits != nil {
					d.Update(*r.limits)
				}
				got = append(got, d.Decide(start.Add(sec(r.at)), r.current, r.metrics))
				want = append(want, r.want)
			}
			require.Equal(t, want, got)
		})
	}
}

type reconcileRule struct {
	name   string
	limits policy.HPALimits
	turns  []reconcile
}

// plain is without behavior, with a downscale stabilization in seconds.
func plain(low, high int, window float64) policy.HPALimits {
	return policy.HPALimits{Min: low, Max: high, DownscaleStabilization: sec(window)}
}

// What comes before the metrics, and the path without behavior.
func TestHPAPlainRules(t *testing.T) {
	zero := plain(0, 10, 0)
	reconciles(t, []reconcileRule{
		{"the count found at the start is a recommendation", plain(1, 10, 300), []reconcile{turn(0, 5, 2, decided(2, 5, 5, same, inRange))}},
		{"a recommendation one window old still counts, an older one does not", plain(1, 10, 300), []reconcile{
			turn(0, 5, 2, decided(2, 5, 5, same, inRange)),
			turn(300, 5, 1, decided(1, 5, 5, same, inRange)),
			turn(300.001, 5, 1, decided(1, 1, 1, scaled, inRange)),
		}},
		{"proposals are remembered, not decisions", plain(1, 50, 300), []reconcile{
			turn(0, 2, 9, decided(9, 9, 4, scaled, upLimit)), turn(15, 4, 1, decided(1, 9, 8, scaled, upLimit)), turn(30, 8, 1, decided(1, 9, 9, scaled, inRange)),
		}},
		{"without a window the metrics decide", plain(1, 10, 0), []reconcile{turn(0, 5, 2, decided(2, 5, 5, same, inRange)), turn(1, 5, 2, decided(2, 2, 2, scaled, inRange))}},
		{"a low count may become four", plain(1, 50, 0), []reconcile{turn(0, 1, 9, decided(9, 9, 4, scaled, upLimit))}},
		{"a higher one twice what it is", plain(1, 50, 0), []reconcile{turn(0, 3, 9, decided(9, 9, 6, scaled, upLimit))}},
		{"exactly that is in range", plain(1, 50, 0), []reconcile{turn(0, 3, 6, decided(6, 6, 6, scaled, inRange))}},
		{"of both upper limits the lower one gives its name", plain(1, 7, 0), []reconcile{turn(0, 4, 9, decided(9, 9, 7, scaled, tooMany))}},
		{"equal ones that of the maximum", plain(1, 8, 0), []reconcile{turn(0, 4, 9, decided(9, 9, 8, scaled, tooMany))}},
		{"too few", plain(3, 10, 0), []reconcile{turn(0, 5, 5, decided(5, 5, 5, same, inRange)), turn(1, 5, 2, decided(2, 2, 3, scaled, tooFew))}},
		{"exactly the minimum is in range", plain(3, 10, 0), []reconcile{turn(0, 3, 3, decided(3, 3, 3, same, inRange))}},

		{"above the maximum the metrics are not asked", plain(1, 10, 0), []reconcile{turns(0, 11, undecided(11, 10, scaled), lost), turn(15, 10, 10, decided(10, 10, 10, same, inRange))}},
		{"nor below the minimum", plain(3, 10, 0), []reconcile{turns(0, 2, undecided(2, 3, scaled), lost), turn(15, 3, 3, decided(3, 3, 3, same, inRange))}},
		{"what the bounds set is no recommendation", plain(1, 10, 10), []reconcile{
			turn(0, 5, 5, decided(5, 5, 5, same, inRange)), turn(20, 20, 3, undecided(20, 10, scaled)), turn(25, 10, 3, decided(3, 3, 3, scaled, inRange)),
		}},
		{"a zero set by hand is off", plain(1, 10, 0), []reconcile{turn(0, 0, 9, undecided(0, 0, policy.HPADisabled)), turn(15, 0, 9, undecided(0, 0, policy.HPADisabled))}},
		{"a zero of its own wakes, and the next one by hand is off", zero, []reconcile{
			turn(0, 3, 3, decided(3, 3, 3, same, inRange)),
			turn(15, 3, 0, byItself(decided(0, 0, 0, scaled, inRange))),
			turn(30, 0, 0, byItself(decided(0, 0, 0, same, inRange))),
			turns(45, 0, byItself(undecided(0, 0, policy.HPAFailed)), lost),
			turn(60, 0, 2, decided(2, 2, 2, scaled, inRange)),
			turn(75, 0, 2, undecided(0, 0, policy.HPADisabled)),
		}},
		{"a raised minimum wakes", zero, []reconcile{
			turn(0, 3, 3, decided(3, 3, 3, same, inRange)), turn(15, 3, 0, byItself(decided(0, 0, 0, scaled, inRange))),
			under(plain(2, 10, 0), turn(30, 0, 0, decided(0, 0, 2, scaled, tooFew))),
		}},

		{"the largest metric counts", plain(1, 50, 0), []reconcile{turns(0, 5, decided(8, 8, 8, scaled, inRange), m(6), m(8), m(7))}},
		{"all failed", plain(1, 50, 0), []reconcile{turns(0, 5, undecided(5, 5, policy.HPAFailed), lost, lost)}},
		{"no metric at all", plain(1, 50, 0), []reconcile{turns(0, 5, undecided(5, 5, policy.HPAFailed))}},
		{"one failed blocks the way down", plain(1, 50, 0), []reconcile{turns(0, 5, undecided(5, 5, policy.HPAFailed), m(4), lost)}},
		{"not the way up", plain(1, 50, 0), []reconcile{turns(0, 5, decided(6, 6, 6, partial, inRange), lost, m(6))}},
		{"nor staying", plain(1, 50, 0), []reconcile{turns(0, 5, decided(5, 5, 5, partial, inRange), m(5), lost)}},
		{"down is judged before stabilization", plain(1, 50, 300), []reconcile{
			turn(0, 5, 9, decided(9, 9, 9, scaled, inRange)), turns(15, 6, undecided(6, 6, policy.HPAFailed), m(5), lost),
		}},
		{"a negative proposal is zero", plain(0, 50, 0), []reconcile{turn(0, 5, 5, decided(5, 5, 5, same, inRange)), turn(15, 5, -3, byItself(decided(0, 0, 0, scaled, inRange)))}},
		{"an old recommendation is overwritten, the one of the highest position first", plain(1, 50, 10), []reconcile{
			turn(0, 5, 8, decided(8, 8, 8, scaled, inRange)), // 5 and 8
			turn(20, 5, 5, decided(5, 5, 5, same, inRange)),  // in place of the 8
			under(plain(1, 50, 100), turn(25, 5, 2, decided(2, 5, 5, same, inRange))),
		}},
	})
}

func count(value int, period float64) policy.HPAPolicy {
	return policy.HPAPolicy{Value: value, Period: sec(period)}
}

func percent(value int, period float64) policy.HPAPolicy {
	return policy.HPAPolicy{Percent: true, Value: value, Period: sec(period)}
}

func rules(window float64, pick policy.HPASelect, p ...policy.HPAPolicy) *policy.HPARules {
	d := sec(window)
	return &policy.HPARules{StabilizationWindow: &d, SelectPolicy: pick, Policies: p}
}

// behave has no downscale stabilization of its own.
func behave(low, high int, up, down *policy.HPARules) policy.HPALimits {
	return policy.HPALimits{Min: low, Max: high, Behavior: &policy.HPABehavior{ScaleUp: up, ScaleDown: down}}
}

func TestHPABehaviorRules(t *testing.T) {
	most, least, off := policy.SelectMax, policy.SelectMin, policy.SelectDisabled
	up := func(pick policy.HPASelect, p ...policy.HPAPolicy) policy.HPALimits {
		return behave(1, 99, rules(0, pick, p...), nil)
	}
	down := func(pick policy.HPASelect, p ...policy.HPAPolicy) policy.HPALimits {
		return behave(1, 99, nil, rules(0, pick, p...))
	}
	windows := func(up, down float64) policy.HPALimits {
		return behave(1, 99, rules(up, most), rules(down, most))
	}
	limited := behave(0, 99, rules(0, most, count(4, 60)), rules(0, most, count(1, 600)))
	loose := behave(0, 99, rules(0, most, count(90, 60)), rules(0, most, count(1, 600)))
	long := behave(0, 99, rules(0, most, count(90, 300)), rules(0, most, count(1, 600)))
	two := behave(0, 99, rules(0, most, count(90, 10), count(90, 60), count(90, 20)), rules(0, most, count(1, 600)))
	stabilized := behave(1, 99, nil, nil)
	stabilized.DownscaleStabilization = 5 * time.Minute
	up4 := func(at float64, from int) reconcile {
		return turn(at, from, 50, decided(50, 50, from+4, scaled, upLimit))
	}
	stuck := func(at float64, n int) reconcile { return turn(at, n, 50, decided(50, 50, n, same, upLimit)) }
	rises := func(at float64, from, to int) reconcile {
		return turn(at, from, to, decided(to, to, to, scaled, inRange))
	}
	falls := func(at float64, from, to int) reconcile {
		return turn(at, from, 1, decided(1, 1, to, scaled, downLimit))
	}
	reconciles(t, []reconcileRule{
		{"by default up by four", up(most), []reconcile{turn(0, 3, 99, decided(99, 99, 7, scaled, upLimit))}},
		{"or double, whichever is more", up(most), []reconcile{turn(0, 10, 99, decided(99, 99, 20, scaled, upLimit))}},
		{"within 15 s", up(most), []reconcile{
			turn(0, 10, 99, decided(99, 99, 20, scaled, upLimit)),
			turn(14.999, 20, 99, decided(99, 99, 20, same, upLimit)), // four or double of ten
			turn(15, 20, 99, decided(99, 99, 40, scaled, upLimit)),
		}},
		{"of four in that time, too", up(most), []reconcile{up4(0, 1), stuck(14.999, 5), turn(15, 5, 50, decided(50, 50, 10, scaled, upLimit))}},
		{"by default up without a window, down after the downscale stabilization", stabilized, []reconcile{
			turn(0, 5, 2, decided(2, 5, 5, same, inRange)), rises(15, 5, 6), turn(314.999, 6, 2, decided(2, 6, 6, same, inRange)), turn(315, 6, 2, decided(2, 2, 2, scaled, inRange)),
		}},
		{"by default all the way down", behave(1, 99, nil, nil), []reconcile{turn(0, 50, 1, decided(1, 1, 1, scaled, inRange))}},
		{"a recommendation one up window old does not count any more", windows(60, 0), []reconcile{
			turn(0, 5, 9, decided(9, 5, 5, same, inRange)), turn(59.999, 5, 9, decided(9, 5, 5, same, inRange)), rises(60, 5, 9),
		}},
		{"nor one a down window old", windows(0, 60), []reconcile{
			turn(0, 5, 2, decided(2, 5, 5, same, inRange)), turn(59.999, 5, 2, decided(2, 5, 5, same, inRange)), turn(60, 5, 2, decided(2, 2, 2, scaled, inRange)),
		}},
		{"up to the least of the up window", windows(60, 0), []reconcile{
			turn(0, 5, 7, decided(7, 5, 5, same, inRange)), turn(30, 5, 9, decided(9, 5, 5, same, inRange)), rises(60, 5, 8), turn(75, 3, 9, decided(9, 8, 7, scaled, upLimit)),
		}},
		{"down to the most of the down window", windows(0, 60), []reconcile{
			turn(0, 5, 3, decided(3, 5, 5, same, inRange)), turn(59, 5, 1, decided(1, 5, 5, same, inRange)), turn(60, 5, 2, decided(2, 2, 2, scaled, inRange)),
			turn(61, 9, 1, decided(1, 2, 2, scaled, inRange)),
		}},
		{"unlike the plain path, what is remembered raises nothing", windows(0, 60), []reconcile{rises(0, 5, 9), turn(15, 4, 2, decided(2, 4, 4, same, inRange))}},
		{"a failed turn leaves no recommendation", windows(60, 0), []reconcile{
			turn(0, 5, 9, decided(9, 5, 5, same, inRange)), turns(15, 5, undecided(5, 5, policy.HPAFailed), m(3), lost), rises(61, 5, 9),
		}},
		{"a recommendation is old only when both windows are over", windows(10, 100), []reconcile{
			turn(0, 5, 8, decided(8, 5, 5, same, inRange)), turn(50, 5, 5, decided(5, 5, 5, same, inRange)),
			turn(60, 9, 2, decided(2, 8, 8, scaled, inRange)), // the 8 was not overwritten
		}},
		{"at the windows' end it is not old yet", windows(0, 10), []reconcile{
			turn(0, 5, 8, decided(8, 8, 8, scaled, inRange)), turn(10, 8, 5, decided(5, 5, 5, scaled, inRange)),
			under(windows(0, 100), turn(15, 9, 2, decided(2, 8, 8, scaled, inRange))),
		}},
		{"of old ones the one of the highest position is overwritten", windows(0, 10), []reconcile{
			rises(0, 5, 8), turn(20, 5, 5, decided(5, 5, 5, same, inRange)), // in place of the 8
			under(windows(0, 100), turn(25, 9, 2, decided(2, 5, 5, scaled, inRange))),
		}},

		{"of both upper limits the lower gives its name: maximum", behave(1, 6, nil, nil), []reconcile{turn(0, 5, 99, decided(99, 99, 6, scaled, tooMany))}},
		{"equal ones that of the maximum", behave(1, 10, nil, nil), []reconcile{turn(0, 5, 99, decided(99, 99, 10, scaled, tooMany))}},
		{"the policies' by one", behave(1, 11, nil, nil), []reconcile{turn(0, 5, 99, decided(99, 99, 10, scaled, upLimit))}},
		{"exactly what the policies allow is in range", up(most), []reconcile{rises(0, 5, 10)}},
		{"down: the policies' limit", down(most, count(2, 60)), []reconcile{falls(0, 10, 8)}},
		{"down: the minimum at the same count", behave(8, 99, nil, rules(0, most, count(2, 60))), []reconcile{turn(0, 10, 1, decided(1, 1, 8, scaled, tooFew))}},
		{"down: the minimum above", behave(9, 99, nil, rules(0, most, count(2, 60))), []reconcile{turn(0, 10, 1, decided(1, 1, 9, scaled, tooFew))}},
		{"down: exactly what the policies allow is in range", down(most, count(2, 60)), []reconcile{turn(0, 10, 8, decided(8, 8, 8, scaled, inRange))}},
		{"no change is in range", behave(5, 5, nil, nil), []reconcile{turn(0, 5, 5, decided(5, 5, 5, same, inRange))}},
		{"up disabled", up(off), []reconcile{stuck(0, 5), turn(15, 5, 2, decided(2, 2, 2, scaled, inRange))}},
		{"down disabled", down(off), []reconcile{turn(0, 5, 1, decided(1, 1, 5, same, downLimit)), rises(15, 5, 7)}},
		{"the most up is the largest", up(most, count(3, 60), percent(50, 60)), []reconcile{turn(0, 4, 50, decided(50, 50, 7, scaled, upLimit))}},
		{"the least up is the smallest", up(least, count(3, 60), percent(50, 60)), []reconcile{turn(0, 4, 50, decided(50, 50, 6, scaled, upLimit))}},
		{"the most down is the smallest", down(most, count(3, 60), percent(50, 60)), []reconcile{falls(0, 10, 5)}},
		{"the least down is the largest", down(least, count(3, 60), percent(50, 60)), []reconcile{falls(0, 10, 7)}},
		{"a percentage rounds up on the way up", up(most, percent(10, 60)), []reconcile{turn(0, 3, 50, decided(50, 50, 4, scaled, upLimit))}},
		{"an exact one does not", up(most, percent(50, 60)), []reconcile{turn(0, 4, 50, decided(50, 50, 6, scaled, upLimit))}},
		{"and down on the way down: a step is always possible", down(most, percent(10, 60)), []reconcile{falls(0, 5, 4)}},
		{"an exact one stays so", down(most, percent(50, 60)), []reconcile{falls(0, 10, 5)}},

		{"a change counts until it is exactly one period old", limited, []reconcile{up4(0, 5), stuck(30, 9), stuck(59.999, 9), up4(60, 9)}},
		{"part of it leaves room for the rest", limited, []reconcile{rises(0, 5, 7), turn(30, 7, 50, decided(50, 50, 9, scaled, upLimit))}},
		{"a change down makes room up", behave(1, 99, rules(0, most, count(4, 60)), nil), []reconcile{
			up4(0, 5), turn(15, 9, 2, decided(2, 2, 2, scaled, inRange)), turn(30, 2, 50, decided(50, 50, 9, scaled, upLimit)), // 2-4+7 and four
		}},
		{"a change up makes room down", down(most, count(2, 60)), []reconcile{rises(0, 10, 14), falls(15, 14, 8), turn(30, 8, 1, decided(1, 1, 8, same, downLimit))}},
		{"changes of both directions are those of the policy's own period", behave(1, 99, rules(0, most, count(4, 60)), rules(0, most, count(9, 600))), []reconcile{
			turn(0, 9, 1, decided(1, 1, 1, scaled, inRange)), turn(60, 1, 50, decided(50, 50, 5, scaled, upLimit)),
		}},
		{"a limit never turns an upward wish down", up(most, count(10, 60)), []reconcile{
			turn(0, 5, 50, decided(50, 50, 15, scaled, upLimit)), under(up(most, count(2, 60)), stuck(15, 15)),
		}},
		{"nor a downward one up", down(most, count(10, 60)), []reconcile{
			falls(0, 20, 10), under(down(most, count(2, 60)), turn(15, 10, 1, decided(1, 1, 10, same, downLimit))),
		}},
		{"what the bounds set is a change", behave(1, 10, rules(0, most, count(1, 60)), nil), []reconcile{
			turn(0, 20, 5, undecided(20, 10, scaled)), under(up(most, count(1, 60)), turn(15, 10, 50, decided(50, 50, 21, scaled, upLimit))),
		}},
		{"without behavior no change is kept", plain(1, 99, 0), []reconcile{
			turn(0, 5, 9, decided(9, 9, 9, scaled, inRange)), under(up(most, count(1, 60)), turn(15, 9, 50, decided(50, 50, 10, scaled, upLimit))),
		}},

		{"a change one longest period old keeps its slot", limited, []reconcile{up4(0, 5), up4(60, 9), falls(75, 13, 4)}},
		{"quirk: an older one loses it, also for longer periods of the other direction", limited, []reconcile{up4(0, 5), up4(60.001, 9), falls(75, 13, 8)}},
		{"of two outdated ones that of the highest position loses it, the other still counts", loose, []reconcile{
			rises(0, 5, 6), rises(10, 6, 8), rises(75, 8, 12), falls(80, 12, 6), // 12-1-4 and one
		}},
		{"outdated once is outdated for good", loose, []reconcile{
			rises(0, 5, 6), rises(10, 6, 8), rises(75, 8, 12), under(long, rises(80, 12, 13)), falls(85, 13, 7), // 13-1-4 and one
		}},
		{"an overwritten slot is not outdated", loose, []reconcile{
			rises(0, 5, 6), rises(61, 6, 8), rises(62, 8, 12), falls(80, 12, 5), // 12-2-4 and one
		}},
		{"the longest period of the direction's own policies counts, wherever it stands", two, []reconcile{
			rises(0, 5, 6), rises(30, 6, 8), falls(31, 8, 4), // 8-1-2 and one
		}},
		{"changes down have their slots, too", behave(0, 99, rules(0, most, count(1, 600)), rules(0, most, count(90, 60))), []reconcile{
			turn(0, 20, 15, decided(15, 15, 15, scaled, inRange)), turn(61, 15, 13, decided(13, 13, 13, scaled, inRange)),
			turn(62, 13, 50, decided(50, 50, 16, scaled, upLimit)), // 13+2 and one: the five are lost
		}},

		{"to zero by itself, and up again", behave(0, 99, nil, nil), []reconcile{
			turn(0, 3, 0, byItself(decided(0, 0, 0, scaled, inRange))), turn(15, 0, 0, byItself(decided(0, 0, 0, same, inRange))), rises(30, 0, 2),
			turn(45, 0, 2, undecided(0, 0, policy.HPADisabled)),
		}},
		{"a raised minimum wakes, though staying is in range", behave(0, 99, nil, nil), []reconcile{
			turn(0, 3, 0, byItself(decided(0, 0, 0, scaled, inRange))),
			under(behave(3, 99, nil, nil), turn(15, 0, 0, decided(0, 0, 3, scaled, inRange))),
		}},
		{"more than the minimum wakes to more", behave(0, 99, nil, nil), []reconcile{
			turn(0, 3, 0, byItself(decided(0, 0, 0, scaled, inRange))), under(behave(2, 99, nil, nil), rises(15, 0, 3)),
		}},
		{"some failed, and the limit decides", up(most), []reconcile{turns(0, 5, decided(50, 50, 10, partial, upLimit), m(50), lost)}},
	})
}
