package coordinator

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// usage is how a model in a pool is used. Its exported part is remembered.
type usage struct {
	savedUsage
	inFlight heardSignal
	sum      *secondsSum        // of the pool, if its policy asks for seconds
	seen     policy.Observation // of the last decision, without seconds

	// Of the present plan:
	running float64 // requests that have a slot, as far as is known
	busy    bool    // each of its copies sits on a server without a free slot
	active  int     // copies that stay and serve or will
	serving int     // of these, serve
	loading int     // of these, do not yet
	back    int     // copies that drain and are wanted again
	gone    int     // copies that this plan stops
	more    int     // and those that it adds
	wants   int     // of the desired, without a place yet
	flows   []flow  // load by server
	stuck   bool    // there was no room for some in the last plan

	copiesBuf []reloading // of the plan before
}

// savedUsage is what is remembered of a model's use.
type savedUsage struct {
	At       time.Time // of InFlight
	InFlight float64   // requests begun and not ended, as last known
	Fast     float64   // of InFlight, means over about a minute, ten minutes and an hour
	Slow     float64
	Long     float64
	Arrived  int64     // the last second in which a request began, Unix; 0: none yet
	Gaps     durations // between seconds in which requests began, of idleGap at least
	Told     int64     // seconds before this one were taken note of, Unix

	Copies   []reloading // where memory is overcommitted; sorted by server
	Quiet    int64       // seconds since the last request of which it is known that none came
	Resident time.Time   // since when its needs are not overcommitted; zero: they may be
}

// Time constants of the means, and what counts as a gap.
const (
	useFast = time.Minute
	useSlow = 10 * time.Minute
	useLong = time.Hour
	idleGap = 5 // seconds
)

// hear takes note of whole seconds.
func (u *usage) hear(seconds []policy.Second) {
	for _, s := range seconds {
		if s.Begun > 0 {
			if gap := s.Unix - u.Arrived; u.Arrived > 0 && gap >= idleGap {
				u.Gaps.add(time.Duration(gap) * time.Second)
			}
			u.Arrived = s.Unix
			u.Quiet = 0
		} else if s.Known {
			u.Quiet++
		}
	}
	if n := len(seconds); n > 0 {
		u.Told = seconds[n-1].Unix + 1
		if u.sum != nil {
			u.sum.add(seconds)
		}
	}
}

// read takes note of what is in flight; what is not known stays as it was.
func (u *usage) read(r policy.Reading, now time.Time) {
	if r.Quality != policy.OK {
		return
	}
	if dt := now.Sub(u.At); !u.At.IsZero() && dt > 0 {
		for _, mean := range []struct {
			of   *float64
			over time.Duration
		}{{&u.Fast, useFast}, {&u.Slow, useSlow}, {&u.Long, useLong}} {
			a := -math.Expm1(-float64(dt) / float64(mean.over))
			*mean.of += float64(a * (max(r.Value, 0) - *mean.of))
		}
	}
	u.At, u.InFlight = now, max(r.Value, 0)
}

// load is what the model is expected to have in flight: what it has lately, and
// what it had before, so that a model that pauses is not forgotten.
func (u *usage) load() float64 { return max(u.Fast, u.Slow, u.Long) }

// copies is how many the model has once this plan is carried out.
func (u *usage) copies() int { return u.active + u.back + u.more - u.gone }

// idle is for how long nothing has come; ok is false if nothing ever did.
func (u *usage) idle(now time.Time) (d time.Duration, ok bool) {
	if u.Arrived == 0 {
		return 0, false
	}
	return max(0, now.Sub(time.Unix(u.Arrived+1, 0))), true
}

// How long a copy without requests is wanted.
const (
	keepLoads    = 60               // times its load: to load again costs what is in flight a wait
	keepAtLeast  = 30 * time.Second // resident for less, nothing is unloaded for want of demand
	keepAtMost   = 10 * time.Minute
	keepQuantile = 0.99
)

// patience is for how long a model without requests keeps its last copy: until
// more time has passed than nearly all of its own gaps last; while these are not
// known, as many times as long as its load takes.
func (m *model) patience() time.Duration {
	load := m.loads.orElse(0.9, m.LoadTime)
	d := m.use.Gaps.orElse(keepQuantile, keepLoads*load)
	return min(max(d, load, keepAtLeast), keepAtMost)
}

// The planner's own steps in the decision about a model in a pool.
const (
	// KeptWarm: the last copy of a model stays for a while. Have is for how many
	// seconds nothing has come, Limit for how many one waits.
	KeptWarm policy.Reason = "kept warm"
	// RequestsWait: there are requests, so there is a copy at least. Have is how many.
	RequestsWait policy.Reason = "requests wait"
)

// warm keeps the last copy of a model in a pool, or asks for a first one.
func (m *model) warm(o policy.Observation, d policy.Decision) policy.Decision {
	if d.Replicas > 0 || m.most() < 1 || o.Now.Before(m.frozen) {
		return d
	}
	idle, known := m.use.idle(o.Now)
	switch patience := m.patience(); {
	case m.use.InFlight > 0 && m.use.At.Equal(o.Now):
		d = o.Amend(d, RequestsWait, 1, m.use.InFlight)
	case m.desired > 0 && known && (idle < patience || m.expects(idle)):
		d = o.Amend(d, KeptWarm, 1, idle.Seconds(), patience.Seconds())
	}
	return d
}

// expects reports whether the next request is nearer than a load takes, if it
// comes as long after the last as is usual.
func (m *model) expects(idle time.Duration) bool {
	usual, ok := m.use.Gaps.quantile(0.5)
	load := m.loads.orElse(0.9, m.LoadTime)
	return ok && idle >= usual-load && idle <= usual+load
}

// marginal is what the n-th copy adds, n >= 1: of what the model's policy holds
// it to be worth, and, since all that saturates, of the load that each copy
// bears; and the share of the pool's load that a server without enough gets by
// it. It is weighted, and divided by size: the largest share of a server that a
// copy takes.
func (m *model) marginal(n int, share float64) float64 {
	q := m.group.pool
	worth := m.worth(n) - m.worth(n-1) + share
	if q.total > 0 {
		worth += float64(loadWorth * m.use.load() / (q.total * float64(n)))
	}
	return float64(float64(max(1, m.Weight))*worth) / m.share()
}

// density is the model's weight by the size of a copy.
func (m *model) density() float64 { return float64(max(1, m.Weight)) / m.share() }

// loadWorth is what the whole load of a pool counts beside a policy's values.
const loadWorth = 0.1

// worth is what the model's policy says that n copies are, in [0, 1]; one that
// panics, or says what is no number, is taken for one that says nothing.
func (m *model) worth(n int) (v float64) {
	defer func() {
		if recover() != nil || !(v >= 0 && v <= 1) {
			v = min(1, float64(n)/float64(max(1, m.desired)))
		}
	}()
	if m.policy == nil {
		return 0
	}
	return policy.Value(m.policy, m.use.seen, m.desired, n)
}

// share is the largest part of a server's capacity that one copy takes, > 0.
func (m *model) share() float64 {
	most := 1e-6
	for d, x := range m.size {
		if c := m.group.limit[d]; c > 0 {
			most = max(most, float64(x)/float64(c))
		}
	}
	return most
}
