package coordinatortest

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// chances draw the faults. Every draw has a key of its own, so that what strikes
// one thing does not depend on what was drawn for others before it.
type chances struct {
	Faults
	began     time.Time // of the faults
	observes  int
	reads     int
	delivered map[string]int // by action ID
}

// draw is the source for one key.
func (c *chances) draw(key string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return rand.New(rand.NewPCG(c.Seed, h.Sum64()))
}

// hit reports whether a chance strikes.
func (c *chances) hit(p float64, key string) bool {
	return p > 0 && c.draw(key).Float64() < p
}

// A fate is what becomes of a boot or a load.
type fate struct {
	late        time.Duration
	fails, lost bool
	life        time.Duration // once loaded; 0 is for ever
}

func (c *chances) trouble(t Trouble, key string) (f fate) {
	if c.hit(t.Slow, key+" slow") {
		f.late = t.by()
	}
	f.fails = c.hit(t.Fail, key+" fail")
	f.lost = c.hit(t.Lose, key+" lose")
	return f
}

func (c *chances) boot(g *fleetGroup) fate {
	return c.trouble(c.Boot, "boot "+g.Name+" "+strconv.Itoa(g.orders))
}

func (c *chances) load(m *fleetModel) fate {
	key := "load " + m.Name + " " + strconv.Itoa(m.loads)
	f := c.trouble(c.Load, key)
	if c.Life > 0 {
		// At least a nanosecond: zero is for ever.
		life := c.draw(key+" life").ExpFloat64() * float64(c.Life)
		f.life = time.Duration(min(max(life, 1), math.MaxInt64/2))
	}
	return f
}

// An applyFate is what becomes of one delivery of an action.
type applyFate struct {
	unreachable, deposed    bool
	errorBefore, errorAfter bool
	hangBefore, hangAfter   bool
	twice                   bool
}

func (c *chances) apply(a coordinator.Action) (f applyFate) {
	f.unreachable = slices.Contains(c.Unreachable, a.Group)
	if a.Kind == coordinator.ScaleService {
		f.unreachable = slices.Contains(c.UnreachableServices, a.Service)
	}
	if c.Faults.Apply == (ApplyFaults{}) {
		return f
	}
	c.delivered[a.ID]++
	key := "apply " + a.ID + " " + strconv.Itoa(c.delivered[a.ID])
	p := c.Faults.Apply
	f.deposed = c.hit(p.Depose, key+" depose")
	f.errorBefore = c.hit(p.ErrorBefore, key+" error before")
	f.errorAfter = c.hit(p.ErrorAfter, key+" error after")
	f.hangBefore = c.hit(p.TimeOutBefore, key+" hang before")
	f.hangAfter = c.hit(p.TimeOutAfter, key+" hang after")
	f.twice = c.hit(p.Twice, key+" twice")
	return f
}

// An observeFate is what becomes of an Observe.
type observeFate struct {
	fails, hangs bool
	blind        func(group string) bool
	blindService func(service string) bool
}

func (c *chances) observe() observeFate {
	c.observes++
	key := "observe " + strconv.Itoa(c.observes)
	p := c.Faults.Observe
	return observeFate{
		fails: c.hit(p.Error, key+" error"), hangs: c.hit(p.TimeOut, key+" hang"),
		blind: func(group string) bool {
			return slices.Contains(c.Unreachable, group) || c.hit(p.Unseen, key+" unseen "+group)
		},
		blindService: func(service string) bool {
			return slices.Contains(c.UnreachableServices, service) || c.hit(p.Unseen, key+" unseen service "+service)
		},
	}
}

// A readFate is what becomes of a Read.
type readFate struct {
	*chances
	key          string
	fails, hangs bool
}

func (c *chances) read() readFate {
	c.reads++
	f := readFate{chances: c, key: "read " + strconv.Itoa(c.reads)}
	f.fails = c.hit(c.Metrics.Error, f.key+" error")
	f.hangs = c.hit(c.Metrics.TimeOut, f.key+" hang")
	return f
}

func (f readFate) affects(model string) bool {
	return f.Metrics.Only == nil || slices.Contains(f.Metrics.Only, model)
}

// silent reports whether the whole Read's fault keeps a model's series back.
func (f readFate) silent(model string) bool { return (f.fails || f.hangs) && f.affects(model) }

func (f readFate) restarts(model string) bool {
	return f.affects(model) && f.hit(f.Metrics.Restart, f.key+" restart "+model)
}

// spoil is what is returned instead of a true sample, if anything.
func (f *Fleet) spoil(x readFate, s coordinator.Sample) (_ coordinator.Sample, known bool) {
	if !x.affects(s.Target.Name) {
		f.before[s.Series] = s
		return s, true
	}
	hit := func(p float64, what string) bool {
		return p > 0 && x.hit(p, x.key+" "+what+" "+s.Target.Name+" "+s.Name)
	}
	before, heard := f.before[s.Series]
	p := x.Metrics
	switch {
	case hit(p.Missing, "missing"):
		return s, false
	case hit(p.Failed, "failed"):
		return coordinator.Sample{Series: s.Series, Cumulative: s.Cumulative, Quality: policy.Failed}, true
	case hit(p.Partial, "partial"):
		// A counter that half of its sources answer for would seem to restart.
		if !s.Cumulative {
			s.Value /= 2
		}
		s.Quality, s.Answered, s.Of = policy.Partial, 1, 2
		return s, true
	case hit(p.Stale, "stale"):
		before.Quality = policy.Stale
		return before, heard
	case hit(p.Late, "late"):
		return before, heard
	case hit(p.NaN, "nan"):
		s.Value = math.NaN()
		return s, true
	}
	f.before[s.Series] = s
	return s, true
}

// skew is by how much the clock of stamps is off: each period has its own.
func (c *chances) skew(now time.Time) time.Duration {
	if c.JumpEvery <= 0 || now.Before(c.began) {
		return 0
	}
	period := int64(now.Sub(c.began) / c.JumpEvery)
	if period == 0 {
		return 0 // right until the first jump
	}
	by := cmp.Or(c.JumpBy, time.Minute)
	return time.Duration((2*c.draw("clock "+strconv.FormatInt(period, 10)).Float64() - 1) * float64(by))
}
