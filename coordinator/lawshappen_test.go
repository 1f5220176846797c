package coordinator_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// happen is what goes on between two ticks.
func (tr *trial) happen(t *rapid.T) {
	tr.now = tr.now.Add(time.Duration(rapid.IntRange(1, 8000).Draw(t, "ms")) * time.Millisecond)
	if rapid.IntRange(0, 99).Draw(t, "leap") == 99 {
		tr.now = tr.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
		tr.counts["clock leaps"]++
	}
	if tr.calm && rapid.IntRange(0, 7).Draw(t, "stir") < 7 {
		return
	}
	for range rapid.IntRange(0, 4).Draw(t, "arrivals") {
		tr.fleet.Arrive(tr.pick(t).Name, rapid.IntRange(0, 9).Draw(t, "requests"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "ends") {
		tr.fleet.Finish(tr.pick(t).Name, rapid.IntRange(0, 12).Draw(t, "ended"))
	}
	if rapid.IntRange(0, 5).Draw(t, "event") == 5 {
		tr.disturb(t)
	}
}

// disturb lets something outside end a server or a replica.
func (tr *trial) disturb(t *rapid.T) {
	w := tr.fleet.World()
	g := w.Groups[rapid.IntRange(0, len(w.Groups)-1).Draw(t, "group")]
	if len(g.Servers) == 0 {
		return
	}
	s := g.Servers[rapid.IntRange(0, len(g.Servers)-1).Draw(t, "server")]
	what := rapid.IntRange(0, 7).Draw(t, "what")
	switch {
	case what == 7 || what > 3 && s.Leaving:
		tr.fleet.Gone(g.Name, s.Name)
		tr.counts["servers gone"]++
	case what > 3:
		tr.fleet.Leave(g.Name, s.Name)
		tr.counts["servers leave"]++
	case len(s.Replicas) > 0:
		tr.fleet.Break(g.Name, s.Name, s.Replicas[what%len(s.Replicas)].Model)
		tr.counts["replicas die"]++
	}
}

// drawFaults draws what goes wrong in the fleet from now on, each kind or not.
func drawFaults(t *rapid.T) (f coordinatortest.Faults) {
	f.Seed = rapid.Uint64().Draw(t, "seed")
	often := func(label string, chance float64) float64 {
		return rapid.SampledFrom([]float64{0, 0, 0.3, 1}).Draw(t, label) * chance
	}
	trouble := func(label string) coordinatortest.Trouble {
		p := often(label, 0.3)
		return coordinatortest.Trouble{Slow: p, By: 20 * time.Second, Fail: p, Lose: p}
	}
	f.Boot, f.Load, f.Retry = trouble("boots"), trouble("loads"), time.Minute
	f.Life = rapid.SampledFrom([]time.Duration{0, 0, 0, 5 * time.Minute, time.Minute}).Draw(t, "life")
	p := often("metrics", 0.1)
	f.Metrics = coordinatortest.MetricFaults{Missing: p, Failed: p, Partial: p, Stale: p, Late: p, NaN: p / 2, Restart: p / 2, Error: p / 2, TimeOut: p / 2}
	p = often("observe", 0.1)
	f.Observe = coordinatortest.ObserveFaults{Unseen: p, Error: p / 2, TimeOut: p / 2}
	p = often("apply", 0.2)
	f.Apply = coordinatortest.ApplyFaults{ErrorBefore: p, TimeOutBefore: p / 2, ErrorAfter: p, TimeOutAfter: p / 2, Twice: p}
	f.Apply.Depose = often("depose", 0.03)
	f.JumpEvery = rapid.SampledFrom([]time.Duration{0, 0, 0, 30 * time.Second}).Draw(t, "clock")
	f.JumpBy = 20 * time.Second
	return f
}
