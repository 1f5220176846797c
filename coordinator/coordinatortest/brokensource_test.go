package coordinatortest_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// A blurred source has one fault; all else it leaves to a fleet.
type blurred struct {
	*coordinatortest.Fleet
	fault string

	reads  int
	known  map[coordinator.Series]coordinator.Sample
	buffer []coordinator.Sample
	first  []coordinator.Sample
	all    []coordinator.Series
}

func (x *blurred) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	x.reads++
	n := len(dst)
	switch x.fault {
	case "reads nothing":
		return dst, nil
	case "panics":
		panic("out of luck")
	case "overwrites what is there":
		return x.Fleet.Read(ctx, want, dst[:0])
	case "returns a slice of its own":
		return x.Fleet.Read(ctx, want, nil)
	case "returns what nobody wants":
		for _, s := range x.all {
			if !slices.Contains(want, s) {
				want = append(slices.Clip(want), s)
			}
		}
	case "sorts what is wanted":
		slices.SortFunc(want, func(a, b coordinator.Series) int {
			return strings.Compare(a.Target.Name+a.Name, b.Target.Name+b.Name)
		})
	case "waits for ever":
		return x.stubborn(ctx, want, dst)
	case "lends out its buffer":
		got, err := x.Fleet.Read(ctx, want, x.buffer[:0])
		x.buffer = got
		if len(dst) > 0 {
			return append(dst, got...), err
		}
		return got, err
	}
	got, err := x.Fleet.Read(ctx, want, dst)
	if err != nil {
		return x.failed(ctx, want, dst, got, err)
	}
	for i := range got[n:] {
		x.spoil(&got[n+i])
	}
	switch x.fault {
	case "makes zeros of nothing":
		got = zeros(want, got, n)
	case "keeps alive what is gone", "has one more under way":
		got = x.revive(want, got, n)
	case "returns the first answer again":
		if x.first == nil {
			x.first = slices.Clone(got[n:])
		}
		got = append(got[:n], x.first...)
	case "returns older ones behind":
		for _, s := range got[n:] {
			s.At = s.At.Add(-time.Second)
			got = append(got, s)
		}
	}
	return got, nil
}

// revive adds what it knew last of each wanted series without a sample, dated
// anew; one more is under way only once.
func (x *blurred) revive(want []coordinator.Series, got []coordinator.Sample, from int) []coordinator.Sample {
	if x.known == nil {
		x.known = map[coordinator.Series]coordinator.Sample{}
	}
	for _, s := range got[from:] {
		x.known[s.Series] = s
	}
	for _, w := range want {
		s, known := x.known[w]
		if !known || slices.ContainsFunc(got[from:], func(s coordinator.Sample) bool { return s.Series == w }) {
			continue
		}
		if x.fault == "has one more under way" {
			delete(x.known, w)
		}
		s.At = time.Now()
		got = append(got, s)
	}
	return got
}

// stubborn reads until it is answered, whatever ctx says.
func (x *blurred) stubborn(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	for {
		got, err := x.Fleet.Read(context.WithoutCancel(ctx), want, dst)
		if err == nil {
			return got, nil
		}
		<-time.After(time.Second) // of the bubble
	}
}

// failed has the faults of what to do about an error.
func (x *blurred) failed(ctx context.Context, want []coordinator.Series, dst, got []coordinator.Sample, err error) ([]coordinator.Sample, error) {
	switch x.fault {
	case "returns nothing with an error":
		return dst, err
	case "drops dst with an error":
		return nil, err
	case "hides errors":
		return got, nil
	case "makes zeros of errors":
		return zeros(want, got, len(dst)), err
	case "leaves a goroutine at every time-out":
		if ctx.Err() != nil {
			go func() { <-never }()
		}
	}
	return got, err
}

// zeros adds a zero for every wanted series without a sample.
func zeros(want []coordinator.Series, got []coordinator.Sample, from int) []coordinator.Sample {
	for _, w := range want {
		if !slices.ContainsFunc(got[from:], func(s coordinator.Sample) bool { return s.Series == w }) {
			got = append(got, coordinator.Sample{Series: w, At: time.Now(), Quality: policy.OK})
		}
	}
	return got
}

func (x *blurred) spoil(s *coordinator.Sample) {
	switch x.fault {
	case "divides by nothing":
		s.Value = math.Inf(1)
	case "has a clock ahead":
		s.At = s.At.Add(time.Second)
	case "gives no times":
		s.At = time.Time{}
	case "is partial of nothing":
		s.Quality = policy.Partial
	case "calls deltas counts":
		if s.Cumulative && x.reads%3 == 0 {
			s.Value = 0
		}
	case "says now and then that it counts":
		s.Cumulative = x.reads%2 == 0
	case "counts below nothing":
		if s.Cumulative {
			s.Value = -1
		}
	case "rounds times":
		s.At = s.At.Truncate(24 * time.Hour)
	}
}

// Each fault is caught by the check of the contract that it breaks.
func TestBrokenSources(t *testing.T) {
	for _, c := range []struct {
		fault string
		by    coordinatortest.Contract
		says  string
	}{
		{"panics", coordinatortest.Answers, "panic: out of luck"},
		{"reads nothing", coordinatortest.Answers, "has no sample that is OK"},
		{"returns the first answer again", coordinatortest.Answers, "is still of"},
		{"returns older ones behind", coordinatortest.Answers, "a sample of"},
		{"divides by nothing", coordinatortest.Answers, "the value is +Inf"},
		{"has a clock ahead", coordinatortest.Answers, "1s ahead of now"},
		{"gives no times", coordinatortest.Answers, "a value without a time"},
		{"is partial of nothing", coordinatortest.Answers, "with 0 answers of 0"},
		{"counts below nothing", coordinatortest.Answers, "a counter at -1"},
		{"overwrites what is there", coordinatortest.Appends, "these are now"},
		{"returns a slice of its own", coordinatortest.Appends, "these are now"},
		{"returns what nobody wants", coordinatortest.OnlyWanted, "which was not wanted"},
		{"sorts what is wanted", coordinatortest.OnlyWanted, "changed what was wanted"},
		{"rounds times", coordinatortest.Once, "was 1 and is 2"},
		{"calls deltas counts", coordinatortest.Counters, "without a restart"},
		{"says now and then that it counts", coordinatortest.Counters, "was cumulative"},
		{"makes zeros of nothing", coordinatortest.Silence, "which nobody counted"},
		{"keeps alive what is gone", coordinatortest.Silence, "which nobody counted"},
		{"waits for ever", coordinatortest.Deadline, "no answer after"},
		{"returns nothing with an error", coordinatortest.Deadline, "at the deadline, while another target's source hangs"},
		{"lends out its buffer", coordinatortest.Deadline, "was changed later"},
		{"makes zeros of errors", coordinatortest.Deadline, "which nobody counted"},
		{"returns nothing with an error", coordinatortest.PartialFailure, "while another target's source fails"},
		{"makes zeros of errors", coordinatortest.PartialFailure, "which nobody counted"},
		{"drops dst with an error", coordinatortest.PartialFailure, "fewer than the 1 of dst"},
		{"hides errors", coordinatortest.PartialFailure, "neither an error nor a sample says so"},
	} {
		t.Run(c.fault+", "+string(c.by), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := coordinatortest.CheckMetricSource(c.by, func() (coordinatortest.SourceWorld, error) {
					f := kitFleet()
					x := &blurred{Fleet: f, fault: c.fault}
					w := sourceWorld(f, x)
					x.all = slices.Clone(w.Series)
					return w, nil
				}, coordinatortest.Options{})
				<-time.After(time.Minute) // of the bubble: what was left behind ends
				caught(t, err, c.by, c.says)
			})
		})
	}
}

// A source may collect by itself: what was on its way when a series vanished is
// no lie.
func TestSourceWithOneMoreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, coordinatortest.CheckMetricSource(coordinatortest.Silence, func() (coordinatortest.SourceWorld, error) {
			f := kitFleet()
			return sourceWorld(f, &blurred{Fleet: f, fault: "has one more under way"}), nil
		}, coordinatortest.Options{}))
	})
}

// The fleet's own faults break the contracts that they should.
func TestFaultyFleetIsNoSource(t *testing.T) {
	for says, faults := range map[string]coordinatortest.Faults{
		"the value is NaN":         {Metrics: coordinatortest.MetricFaults{NaN: 1}},
		"has no sample that is OK": {Metrics: coordinatortest.MetricFaults{Missing: 1}},
		"injected fault":           {Metrics: coordinatortest.MetricFaults{Error: 1}},
		"ahead of now":             {Seed: 2, JumpEvery: time.Second, JumpBy: time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			err := coordinatortest.CheckMetricSource(coordinatortest.Answers, func() (coordinatortest.SourceWorld, error) {
				f := kitFleet()
				w := sourceWorld(f, f)
				f.Inject(faults)
				return w, nil
			}, coordinatortest.Options{})
			caught(t, err, coordinatortest.Answers, says)
		})
	}
}

func TestSourceThatLeavesAGoroutine(t *testing.T) {
	err := coordinatortest.CheckMetricSource(coordinatortest.NoGoroutineLeft, func() (coordinatortest.SourceWorld, error) {
		f := instant()
		w := sourceHooks(f, &blurred{Fleet: f, fault: "leaves a goroutine at every time-out"})
		w.Advance = func() { f.Arrive("llama", 1) }
		return w, nil
	}, coordinatortest.Options{Timeout: 250 * time.Millisecond, Patience: 250 * time.Millisecond})
	caught(t, err, coordinatortest.NoGoroutineLeft, "failed")
}
