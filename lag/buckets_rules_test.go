package lag_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/lag"
)

// knative is what the windows of Knative have in common.
type knative interface {
	Record(time.Time, float64)
	Average(time.Time) float64
	Empty(time.Time) bool
	Resize(time.Duration, time.Time) error
}

func linear(span, grain float64) knative {
	w, err := lag.NewLinearWindow(secs(span), secs(grain))
	if err != nil {
		panic(err)
	}
	return w
}

func weighted(span float64) knative {
	w, err := lag.NewWeightedWindow(secs(span), time.Second)
	if err != nil {
		panic(err)
	}
	return w
}

func secs(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// An op does something to a window, or asks it; times are seconds after an
// even second.
type op func(w knative) (answers bool, got, want float64)

func put(s, v float64) op {
	return func(w knative) (bool, float64, float64) { w.Record(at(s), v); return false, 0, 0 }
}

func avg(s, want float64) op {
	return func(w knative) (bool, float64, float64) { return true, w.Average(at(s)), want }
}

func empty(s float64, want bool) op {
	return func(w knative) (bool, float64, float64) { return true, truth(w.Empty(at(s))), truth(want) }
}

func resize(s, span float64) op {
	return func(w knative) (bool, float64, float64) {
		return true, truth(w.Resize(secs(span), at(s)) == nil), truth(true)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

type windowRule struct {
	name   string
	window knative
	ops    []op
}

// follow runs each rule and compares all of its answers at once.
func follow(t *testing.T, rules []windowRule, relative float64) {
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			var got, want []float64
			for _, o := range c.ops {
				if answers, g, w := o(c.window); answers {
					got, want = append(got, g), append(want, w)
				}
			}
			if relative == 0 {
				require.Equal(t, want, got)
				return
			}
			require.NotEmpty(t, want)
			for i := range want {
				require.InDelta(t, want[i], got[i], relative*max(want[i], 1e-6), "answer %d: %v, want %v", i, got, want)
			}
		})
	}
}

func TestLinearWindowRules(t *testing.T) {
	unix := at(0).Unix()
	follow(t, []windowRule{
		{"nothing recorded averages to zero and is empty", linear(10, 1), []op{avg(0, 0), empty(0, true)}},
		{"values of one bucket add up", linear(10, 1), []op{put(0, 2), put(0.9, 3), avg(0, 5)}},
		{"a short history is averaged over its own length", linear(10, 1), []op{put(0, 4), put(1, 8), avg(1, 6)}},
		{"a full one over the span", linear(3, 1), []op{put(0, 9), put(1, 3), put(2, 3), avg(2, 5), put(3, 6), avg(3, 4), put(4, 0), avg(4, 3)}},
		{"a gap in the middle counts as zero", linear(10, 1), []op{put(0, 4), put(3, 8), avg(3, 3)}},
		{"a question about the past is one about the last bucket", linear(10, 1), []op{put(0, 4), put(3, 8), avg(1, 3), avg(-50, 3)}},
		{
			"a silence shortens what is averaged over, and pushes old buckets out", linear(10, 1),
			[]op{put(0, 4), put(3, 8), avg(5, 3), avg(9, 3), avg(10, 2.666667), avg(12, 8)},
		},
		{"one silent bucket pushes out the oldest of a full history", linear(3, 1), []op{put(0, 9), put(1, 3), put(2, 3), avg(3, 3)}},
		{"one span of silence averages to zero without being empty", linear(10, 1), []op{put(3, 8), avg(12, 8), avg(13, 0), empty(13, false), empty(13.9, false), empty(14, true)}},
		{"asking changes no answer", linear(10, 1), []op{put(0, 4), put(3, 8), avg(12, 8), avg(10, 2.666667), avg(12, 8), avg(3, 3), avg(14, 0), avg(5, 3)}},
		{"a value after a question in a silence", linear(4, 1), []op{put(0, 4), put(1, 8), avg(4, 8), put(1, 2), avg(4, 10), put(4, 2), avg(4, 3)}},
		{"one span late is too late", linear(3, 1), []op{put(10, 1), put(7, 100), avg(10, 1)}},
		{"one bucket less is not, and moves the beginning back", linear(3, 1), []op{put(10, 1), put(8, 5), avg(10, 2)}},
		{"a late value after the beginning leaves it", linear(10, 1), []op{put(3, 3), put(5, 6), put(4, 3), avg(5, 4)}},
		{"a late value leaves the last bucket", linear(10, 1), []op{put(5, 6), put(3, 2), empty(15, false), avg(14, 6)}},
		{"a value one span ahead begins anew", linear(3, 1), []op{put(0, 9), put(3, 6), avg(3, 6), put(4, 2), avg(4, 4)}},
		{"one bucket less keeps what there was", linear(3, 1), []op{put(0, 9), put(2, 6), avg(2, 5)}},
		{"advancing clears every bucket between", linear(4, 1), []op{put(0, 9), put(1, 7), put(2, 5), put(3, 3), put(5, 4), avg(5, 3), put(6, 4), avg(6, 2.75)}},
		{"part of a grain makes a bucket of its own", linear(5, 2), []op{put(0, 1), put(2, 1), put(4, 7), avg(4, 3), avg(8, 7), avg(10, 0), empty(8, false), empty(10, true)}},
		{"a value six seconds ahead of a span of five begins anew", linear(5, 2), []op{put(0, 9), put(6, 4), avg(6, 4)}},
		{"a value within the bucket that a span cuts is late, not too late", linear(5, 2), []op{put(6, 4), put(2, 5), avg(6, 3), put(0, 90), avg(6, 3)}},
		{"a bucket begins at a multiple of the grain", linear(20, 10), []op{put(9.9, 1), put(10, 2), avg(10, 1.5), put(19.9, 3), avg(10, 3)}},
		{"before 1970 a bucket also begins at its lower end", linear(10, 1), []op{put(float64(-unix)-0.5, 2), put(float64(-unix)-1, 4), put(float64(-unix), 6), avg(float64(-unix), 6)}},
		{"thirds are rounded to six decimals", linear(3, 1), []op{put(0, 1), put(2, 0), avg(2, 0.333333), put(2, 1), avg(2, 0.666667)}},
		{"a half is rounded away from zero", linear(3, 1), []op{put(0, 0.0078125), avg(0, 0.007813), put(0, -0.015625), avg(0, -0.007813)}},
		{"a silence is rounded too", linear(3, 1), []op{put(0, 1), put(1, 0.0078125), avg(3, 0.007813)}},

		{"a resize to the same span is none, however late", linear(4, 1), []op{put(0, 8), resize(100, 4), avg(0, 8)}},
		{"what a longer span takes over counts as the whole old span", linear(4, 1), []op{put(0, 8), resize(0, 8), avg(0, 2)}},
		{"a shorter one takes over the newest", linear(4, 1), []op{put(0, 1), put(1, 2), put(2, 3), put(3, 4), resize(3, 2), avg(3, 3.5)}},
		{
			"taken over, buckets leave in their order", linear(4, 1),
			[]op{put(0, 1), put(1, 2), put(2, 3), put(3, 4), resize(3, 6), put(5, 10), avg(5, 3.333333), put(6, 1), avg(6, 3.333333), put(7, 1), avg(7, 3.166667)},
		},
		{"an old span of silence before a resize is not too much", linear(4, 1), []op{put(0, 8), resize(4, 8), avg(0, 2)}},
		{"a bucket more is: all is forgotten", linear(4, 1), []op{put(0, 8), resize(5, 8), avg(0, 0), put(6, 16), avg(6, 16)}},
		{"all but the last bucket's time", linear(4, 1), []op{put(0, 8), resize(5, 8), put(-3, 4), avg(0, 1), empty(8, false), empty(9, true)}},
		{"quirk: a forgotten last bucket does not begin again, so it is averaged over the whole span", linear(4, 1), []op{put(0, 8), resize(5, 8), put(0, 8), avg(0, 1)}},
	}, 0)
}

// With four buckets the newest weighs 0.9, as 1 - (1-0.9999)^(1/4).
func TestWeightedWindowRules(t *testing.T) {
	follow(t, []windowRule{
		{"nothing recorded averages to zero and is empty", weighted(4), []op{avg(0, 0), empty(0, true)}},
		{"one value reads low", weighted(4), []op{put(0, 10), avg(0, 9)}},
		{"a value before weighs a tenth", weighted(4), []op{put(0, 10), put(1, 20), avg(1, 18.9)}},
		{"values of one bucket add up", weighted(4), []op{put(0, 4), put(0.5, 6), avg(0.9, 9)}},
		{"nothing is divided by the sum of the weights", weighted(4), []op{
			put(0, 10), avg(0, 9), put(1, 10), avg(1, 9.9), put(2, 10), avg(2, 9.99),
			put(3, 10), avg(3, 9.999), put(4, 10), avg(4, 9.999), put(5, 0), avg(5, 0.999),
		}},
		{"a gap weighs", weighted(4), []op{put(0, 10), put(2, 10), avg(2, 9.09)}},
		{"a question about the past is one about the last bucket", weighted(4), []op{put(0, 10), put(1, 20), avg(0, 18.9)}},
		{"each silent bucket takes nine tenths off", weighted(4), []op{put(0, 10), avg(1, 0.9), avg(2, 0.09), avg(3, 0.009)}},
		{"and one of the old ones away", weighted(4), []op{put(0, 10), put(1, 20), avg(3, 0.189), avg(4, 0.018)}},
		{"one span of silence leaves none without being empty", weighted(4), []op{put(0, 10), avg(4, 0), empty(4, false), avg(5, 0), empty(5, true)}},
		{"no rounding: ten buckets weigh 1-10^-0.4", weighted(10), []op{put(0, 10), avg(0, 6.018928294465028)}},
		{"many buckets: the newest weighs a fifth at least", weighted(60), []op{put(0, 10), avg(0, 2), put(1, 10), avg(1, 3.6)}},
		{"forty-one still more than that", weighted(41), []op{put(0, 10), avg(0, 2.0119821919843)}},
		{"a resize weighs anew", weighted(4), []op{put(0, 10), put(1, 10), resize(1, 2), avg(1, 9.999)}},
		{"a resize after a silence forgets", weighted(4), []op{put(0, 10), resize(5, 2), avg(0, 0), put(0, 10), avg(0, 9.9)}},
	}, 1e-9)
}

// A span of 10 s in slots of 2 s has five, the present one included.
func TestMaxWindowRules(t *testing.T) {
	type rec struct{ at, v, current float64 }
	for _, c := range []struct {
		name        string
		span, grain float64
		records     []rec
	}{
		{"nothing recorded is zero", 10, 2, nil},
		{"the largest stands", 10, 2, []rec{{0, 5, 5}, {2, 3, 5}, {4, 8, 8}}},
		{"a negative one too", 10, 2, []rec{{0, -3, -3}, {2, -5, -3}}},
		{"four slots later it still stands, five later it does not", 10, 2, []rec{{0, 5, 5}, {8, 3, 5}, {9.9, 3, 5}, {10, 3, 3}}},
		{"slots are aligned, so that less than the span may be enough", 10, 2, []rec{{1.9, 5, 5}, {10, 3, 3}}},
		{"part of a slot is one", 9, 2, []rec{{0, 5, 5}, {8, 3, 5}, {10, 3, 3}}},
		{"a span of one slot merges what falls into it", 2, 2, []rec{{0, 5, 5}, {1.9, 3, 5}, {2, 3, 3}}},
		{"of one slot the larger counts, first", 10, 2, []rec{{0, 5, 5}, {1, 3, 5}, {2, 1, 5}, {10, 0, 1}}},
		{"of one slot the larger counts, last", 10, 2, []rec{{0, 3, 3}, {1, 5, 5}, {8, 1, 5}, {10, 0, 1}}},
		{"an equal one renews it", 10, 2, []rec{{0, 5, 5}, {4, 5, 5}, {12, 1, 5}, {14, 1, 1}}},
		{"what a larger one hid does not come back, the next lower does", 10, 2, []rec{{0, 9, 9}, {2, 7, 9}, {4, 8, 9}, {10, 1, 8}, {12, 1, 8}, {14, 0, 1}}},
		{"after a long silence only the new one counts", 10, 2, []rec{{0, 9, 9}, {2, 7, 9}, {100, 1, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := lag.NewMaxWindow(secs(c.span), secs(c.grain))
			require.NoError(t, err)
			require.Zero(t, w.Current())
			var got []rec
			for _, r := range c.records {
				w.Record(at(r.at), r.v)
				got = append(got, rec{r.at, r.v, w.Current()})
			}
			require.Equal(t, c.records, got)
		})
	}
}
