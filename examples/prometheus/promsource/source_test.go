package promsource

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A fake answers each expression with what stands for it: a result as
// "vector [...]", where @ is the instant that was asked for and @-5 is 5 s before.
// It is for answers that no real server would give when told to.
type fake struct {
	*httptest.Server
	answers map[string]string

	mu    sync.Mutex
	asked []string
}

func newFake(t *testing.T, answers map[string]string) *fake {
	f := &fake{answers: answers}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		expr := r.PostFormValue("query")
		f.mu.Lock()
		f.asked = append(f.asked, expr)
		f.mu.Unlock()
		kind, result, ok := strings.Cut(f.answers[expr], " ")
		if !ok {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprintf(w, `{"status":"error","errorType":"execution","error":"no %s"}`, "answer")
			return
		}
		at, err := strconv.ParseFloat(r.PostFormValue("time"), 64)
		if err != nil {
			panic(err)
		}
		for _, age := range []float64{31, 29, 5, -1} {
			result = strings.ReplaceAll(result, fmt.Sprintf("@%+g", -age), strconv.FormatFloat(at-age, 'f', 3, 64))
		}
		result = strings.ReplaceAll(result, "@", strconv.FormatFloat(at, 'f', 3, 64))
		warn, kind, warns := strings.Cut(kind, "!")
		if !warns {
			kind, warn = warn, ""
		}
		warnings, _ := json.Marshal([]string{warn})
		if !warns {
			warnings = []byte("[]")
		}
		fmt.Fprintf(w, `{"status":"success","warnings":%s,"data":{"resultType":%q,"result":%s}}`, warnings, kind, result)
	}))
	t.Cleanup(f.Close)
	return f
}

// el is an element of a vector.
func el(labels, at, value string) string {
	return `{"metric":{` + labels + `},"value":[` + at + `,"` + value + `"]}`
}

var (
	llama   = coordinator.TargetID{Name: "llama"}
	mistral = coordinator.TargetID{Name: "mistral"}
)

// What each kind of answer is worth.
func TestWorth(t *testing.T) {
	byModel := Query{Name: "x", Expr: "x", Label: "model"}
	with := func(change func(*Query)) Query {
		q := byModel
		change(&q)
		return q
	}
	ok := func(v float64) string { return fmt.Sprintf("%v ok 0/0 0s", v) }
	for _, c := range []struct {
		name    string
		query   Query
		answers map[string]string
		want    []string
		err     string
	}{
		{"a value", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]"}, []string{ok(3)}, ""},
		{"nobody counted", byModel, map[string]string{"x": "vector []"}, nil, ""},
		{"another is counted", byModel, map[string]string{"x": "vector [" + el(`"model":"other"`, "@", "3") + "," + el(``, "@", "4") + "]"}, nil, ""},
		{"nothing by nothing", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "NaN") + "]"}, nil, ""},
		{"infinite", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "+Inf") + "]"}, []string{"0 failed 0/0 -"}, ""},
		{"a level below zero", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "-1") + "]"}, []string{ok(-1)}, ""},
		{
			"a counter below zero", with(func(q *Query) { q.Cumulative = true }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "-1") + "]"},
			[]string{"0 failed 0/0 -"},
			"",
		},
		{"cached and old", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@-31", "3") + "]"}, []string{"3 stale 0/0 31s"}, ""},
		{"cached, not too old", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@-29", "3") + "]"}, []string{"3 ok 0/0 29s"}, ""},
		{"from the future", byModel, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@+1", "3") + "]"}, nil, "1s after the instant that was asked for"},
		{"warnings", byModel, map[string]string{"x": "away!vector [" + el(`"model":"llama"`, "@", "3") + "]"}, []string{"3 partial 1/2 0s"}, ""},
		{"warnings and nothing", byModel, map[string]string{"x": "away!vector []"}, nil, ""},
		{
			"two values", byModel,
			map[string]string{"x": "vector [" + el(`"model":"llama","i":"1"`, "@", "3") + "," + el(`"model":"llama","i":"2"`, "@", "4") + "]"},
			nil, `several values for one origin ""`,
		},
		{
			"two origins", with(func(q *Query) { q.Origin = "i" }),
			map[string]string{"x": "vector [" + el(`"model":"llama","i":"1"`, "@", "3") + "," + el(`"model":"llama","i":"2"`, "@", "4") + "]"},
			[]string{"1: " + ok(3), "2: " + ok(4)},
			"",
		},
		{
			"twice an origin", with(func(q *Query) { q.Origin = "i" }),
			map[string]string{"x": "vector [" + el(`"model":"llama","i":"1","z":"1"`, "@", "3") + "," + el(`"model":"llama","i":"1","z":"2"`, "@", "4") + "]"},
			nil,
			`several values for one origin "1"`,
		},
		{
			"a stamp", with(func(q *Query) { q.Stamp = "s" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "s": "vector [" + el(`"model":"llama"`, "@", "@-5") + "]"},
			[]string{"3 ok 0/0 5s"},
			"",
		},
		{
			"an old stamp", with(func(q *Query) { q.Stamp = "s" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "s": "vector [" + el(`"model":"llama"`, "@", "@-31") + "]"},
			[]string{"3 stale 0/0 31s"},
			"",
		},
		{
			"no stamp", with(func(q *Query) { q.Stamp = "s" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "s": "vector []"},
			nil,
			`no stamp for origin ""`,
		},
		{
			"a stamp that is no time", with(func(q *Query) { q.Stamp = "s" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "s": "vector [" + el(`"model":"llama"`, "@", "NaN") + "]"},
			nil,
			"NaN is no time",
		},
		{
			"a stamp refused", with(func(q *Query) { q.Stamp = "s" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]"},
			nil,
			`model/llama x: "s": 422 Unprocessable Entity: refused: "execution": "no answer"`,
		},
		{
			"all sources", with(func(q *Query) { q.Sources = "up" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "up": "vector [" + el(`"i":"1"`, "@", "1") + "," + el(`"i":"2"`, "@", "1") + "]"},
			[]string{ok(3)},
			"",
		},
		{
			"one source of two", with(func(q *Query) { q.Sources = "up" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "up": "vector [" + el(`"i":"1"`, "@", "0") + "," + el(`"i":"2"`, "@", "1") + "]"},
			[]string{"3 partial 1/2 0s"},
			"",
		},
		{
			"another target's source", with(func(q *Query) { q.Sources = "up" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "up": "vector [" + el(`"model":"other"`, "@", "0") + "," + el(`"model":"llama"`, "@", "1") + "]"},
			[]string{ok(3)},
			"",
		},
		{
			"no source is known", with(func(q *Query) { q.Sources = "up" }),
			map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]", "up": "vector []"},
			[]string{"3 partial 0/1 0s"},
			"",
		},
		{
			"raw samples",
			Query{Name: "x", Expr: "x[1m]", Label: "model", Cumulative: true},
			map[string]string{"x[1m]": `matrix [{"metric":{"model":"llama"},"values":[[@-31,"3"],[@-5,"NaN"],[@-5,"4"]]}]`},
			nil,
			"a value of",
		},
		{
			"raw samples, ascending",
			Query{Name: "x", Expr: "x[1m]", Label: "model", Cumulative: true},
			map[string]string{"x[1m]": `matrix [{"metric":{"model":"llama"},"values":[[@-31,"3"],[@-29,"NaN"],[@-5,"4"]]}]`},
			[]string{"3 stale 0/0 31s", "4 ok 0/0 5s"},
			"",
		},
		{"for one target", Query{Name: "x", Expr: `x{m="$target"}`}, map[string]string{`x{m="llama"}`: "vector [" + el(`"any":"thing"`, "@", "3") + "]"}, []string{ok(3)}, ""},
		{"a scalar", Query{Name: "x", Target: "llama", Expr: `scalar(x)`}, map[string]string{`scalar(x)`: `scalar [@,"3"]`}, []string{ok(3)}, ""},
		{"no query", Query{Name: "y", Expr: "x", Label: "model"}, nil, nil, "promsource: no query for model/llama x"},
		{"of another kind", with(func(q *Query) { q.Kind = coordinator.TargetService }), nil, nil, "no query for model/llama x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.answers)
			s, err := New(Options{URL: f.URL, Queries: []Query{c.query}})
			require.NoError(t, err)
			defer s.Close()
			before := time.Now().Truncate(time.Millisecond)
			got, err := s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: "x"}}, nil)
			after := time.Now()
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
			var have []string
			for _, g := range got {
				age := "-"
				if g.Quality.HasValue() {
					// The instant of the Read lies between before and after.
					for _, whole := range []time.Duration{0, 5 * time.Second, 29 * time.Second, 31 * time.Second} {
						if asked := g.At.Add(whole); !asked.Before(before) && !asked.After(after) {
							age = whole.String()
						}
					}
				}
				who := ""
				if g.Origin != "" {
					who = g.Origin + ": "
				}
				have = append(have, fmt.Sprintf("%s%v %v %d/%d %s", who, g.Value, g.Quality, g.Answered, g.Of, age))
				require.Equal(t, coordinator.Series{Target: llama, Name: "x"}, g.Series)
				require.Equal(t, c.query.Cumulative && g.Quality.HasValue(), g.Cumulative)
			}
			require.Equal(t, c.want, have)
		})
	}
}

// Warnings may be trusted.
func TestTrustWarnings(t *testing.T) {
	f := newFake(t, map[string]string{"x": "away!vector [" + el(`"model":"llama"`, "@", "3") + "]"})
	s, err := New(Options{URL: f.URL, Queries: []Query{{Name: "x", Expr: "x", Label: "model"}}, TrustWarnings: true})
	require.NoError(t, err)
	got, err := s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: "x"}}, nil)
	require.NoError(t, err)
	require.Equal(t, policy.OK, got[0].Quality)
}

// An expression that many share is asked once, and a query for one target goes
// before that for all.
func TestAskedOnce(t *testing.T) {
	f := newFake(t, map[string]string{
		"x": "vector [" + el(`"model":"llama"`, "@", "3") + "," + el(`"model":"mistral"`, "@", "4") + "]",
		"y": `scalar [@,"9"]`,
	})
	s, err := New(Options{URL: f.URL, Queries: []Query{
		{Name: "x", Expr: "x", Label: "model"},
		{Name: "twin", Expr: "x", Label: "model"},
		{Name: "x", Target: "mistral", Expr: "y"},
	}})
	require.NoError(t, err)
	var want []coordinator.Series
	for _, m := range []coordinator.TargetID{llama, mistral} {
		want = append(want, coordinator.Series{Target: m, Name: "x"}, coordinator.Series{Target: m, Name: "twin"})
	}
	got, err := s.Read(t.Context(), want, nil)
	require.NoError(t, err)
	var have []float64
	for _, g := range got {
		have = append(have, g.Value)
	}
	require.Equal(t, []float64{3, 3, 9, 4}, have)
	require.ElementsMatch(t, []string{"x", "y"}, f.asked)
}

// While the stamp stays, so does the value.
func TestValueOfAStamp(t *testing.T) {
	stamp := strconv.FormatFloat(float64(time.Now().Add(-5*time.Second).UnixMilli())/1000, 'f', 3, 64)
	f := newFake(t, map[string]string{"s": "vector [" + el(`"model":"llama"`, "@", stamp) + "]"})
	s, err := New(Options{URL: f.URL, Queries: []Query{{Name: "x", Expr: "x", Stamp: "s", Label: "model"}}})
	require.NoError(t, err)
	for _, drift := range []string{"3", "3.01", "2.9"} {
		f.answers["x"] = "vector [" + el(`"model":"llama"`, "@", drift) + "]"
		got, err := s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: "x"}}, nil)
		require.NoError(t, err)
		require.Equal(t, 3.0, got[0].Value)
	}
	f.answers["s"] = "vector [" + el(`"model":"llama"`, "@", stamp+"9") + "]"
	f.answers["s"] = strings.Replace(f.answers["s"], stamp+"9", strconv.FormatFloat(float64(time.Now().Add(-4*time.Second).UnixMilli())/1000, 'f', 3, 64), 1)
	got, err := s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: "x"}}, nil)
	require.NoError(t, err)
	require.Equal(t, 2.9, got[0].Value)
}

// Of many failures a few tell all.
func TestManyFailures(t *testing.T) {
	f := newFake(t, nil)
	s, err := New(Options{URL: f.URL, Queries: []Query{{Name: "x", Expr: `x{m="$target"}`}}})
	require.NoError(t, err)
	var want []coordinator.Series
	for i := range 100 {
		want = append(want, coordinator.Series{Target: coordinator.TargetID{Name: fmt.Sprint("m", i)}, Name: "x"})
	}
	got, err := s.Read(t.Context(), want, nil)
	require.Empty(t, got)
	require.ErrorContains(t, err, "and 92 more")
	require.Len(t, f.asked, 100)
}

// Counts that policies do without need no query.
func TestOptionalSeries(t *testing.T) {
	f := newFake(t, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", "3") + "]"})
	s, err := New(Options{URL: f.URL, Queries: []Query{{Name: "x", Expr: "x", Label: "model"}}})
	require.NoError(t, err)
	got, err := s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: policy.Errors}, {Target: llama, Name: policy.BusySeconds}, {Target: llama, Name: "x"}}, nil)
	require.NoError(t, err)
	require.Len(t, got, 1)
	_, err = s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: policy.Begun}}, nil)
	require.EqualError(t, err, "promsource: no query for model/llama begun")
}

// The deadline ends a Read, and with it what it asked; what came is returned.
func TestReadDeadline(t *testing.T) {
	release := make(chan struct{})
	gone := make(chan struct{}, 1)
	f := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("query") == "slow" {
			timeout, err := strconv.ParseFloat(r.PostFormValue("timeout"), 64) // in seconds
			if err != nil || timeout <= 0 || timeout > 0.2 {
				t.Errorf("the server was told a timeout of %q", r.PostFormValue("timeout"))
			}
			select {
			case <-r.Context().Done():
				gone <- struct{}{}
			case <-release:
			}
			return
		}
		fmt.Fprint(w, body("scalar", `[`+r.PostFormValue("time")+`,"1"]`))
	}))
	defer f.Close()
	defer close(release)
	s, err := New(Options{URL: f.URL, Queries: []Query{{Name: "slow", Target: "llama", Expr: "slow"}, {Name: "fast", Target: "llama", Expr: "fast"}}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	got, err := s.Read(ctx, []coordinator.Series{{Target: llama, Name: "slow"}, {Target: llama, Name: "fast"}}, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Len(t, got, 1)
	require.Equal(t, "fast", got[0].Name)
	<-gone
}

// A sum beyond all floats is no value.
func TestHugeValue(t *testing.T) {
	f := newFake(t, map[string]string{"x": "vector [" + el(`"model":"llama"`, "@", strconv.FormatFloat(math.MaxFloat64, 'g', -1, 64)) + "]"})
	s, err := New(Options{URL: f.URL, Queries: []Query{{Name: "x", Expr: "x", Label: "model"}}})
	require.NoError(t, err)
	got, err := s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: "x"}}, nil)
	require.NoError(t, err)
	require.Equal(t, math.MaxFloat64, got[0].Value)
}
