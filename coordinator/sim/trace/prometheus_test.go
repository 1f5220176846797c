package trace_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator/sim/trace"
)

func scanProm(text string, p trace.Prometheus) (*trace.Trace, error) {
	return trace.ScanPrometheus("q.json", p, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
}

// matrix wraps series as the API answers.
func matrix(series ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",\n") + "]}}\n"
}

// counts is how many requests came in each step, by model.
func counts(t *testing.T, tr *trace.Trace) map[string][]int {
	t.Helper()
	got := map[string][]int{}
	for _, m := range tr.Models {
		got[m] = make([]int, tr.Length/tr.Step)
	}
	for m, reqs := range drain(t, tr, trace.Options{Service: plain}) {
		for _, q := range reqs {
			got[m][q.At/tr.Step]++
		}
	}
	return got
}

func TestPrometheus(t *testing.T) {
	for _, c := range []struct {
		name, text string
		p          trace.Prometheus
		step       time.Duration
		want       map[string][]int
	}{
		{
			"rates are of the step up to their time", matrix(`{"metric":{"model":"a"},"values":[[1700000000,"0.1"],[1700000060,"0.5"],[1700000120,"0"]]}`),
			trace.Prometheus{},
			time.Minute,
			map[string][]int{"a": {6, 30, 0}},
		},
		{
			"fractions are carried over", matrix(`{"metric":{},"values":[[0,"0.25"],[1,"0.25"],[2,"0.25"],[3,"0.25"],[4,"1.5"],[5,"0.5"]]}`),
			trace.Prometheus{},
			time.Second,
			map[string][]int{"all": {0, 0, 0, 1, 1, 1}},
		},
		{
			"NaN, gaps and late series are no requests", matrix(
				`{"metric":{"pod":"x"},"values":[[0,"1"],[60,"NaN"],[240,"1"]]}`, `{"metric":{"pod":"y"},"values":[[120,"2"]]}`),
			trace.Prometheus{},
			time.Minute,
			map[string][]int{"x": {60, 0, 0, 0, 60}, "y": {0, 0, 120, 0, 0}},
		},
		{
			"counters count increments, over resets and gaps", matrix(
				`{"metric":{"__name__":"requests_total","model":"m"},"values":[[0,"100"],[10,"130"],[20,"5"],[30,"NaN"],[50,"35"]]}`),
			trace.Prometheus{},
			10 * time.Second,
			map[string][]int{"m": {0, 30, 5, 10, 10, 10}},
		},
		{
			"steps without a request are steps", matrix(
				`{"metric":{"__name__":"requests_total"},"values":[[0,"1"],[15,"1"],[30,"1"],[45,"2"],[60,"2"],[75,"4"],[90,"4"]]}`),
			trace.Prometheus{},
			15 * time.Second,
			map[string][]int{"requests_total": {0, 0, 0, 1, 0, 2, 0}},
		},
		{
			"a counter by word", matrix(`{"metric":{},"values":[[0,"100"],[10,"130"]]}`),
			trace.Prometheus{Kind: trace.PrometheusCounter},
			10 * time.Second,
			map[string][]int{"all": {0, 30}},
		},
		{
			"a rate by word", matrix(`{"metric":{"__name__":"x_total"},"values":[[0,"100"],[10,"130"]]}`),
			trace.Prometheus{Kind: trace.PrometheusRate},
			10 * time.Second,
			map[string][]int{"x_total": {1000, 1300}},
		},
		{
			"series of one model add up", matrix(
				`{"metric":{"model":"m","pod":"1"},"values":[[0,"1"],[5,"2"]]}`, `{"metric":{"model":"m","pod":"2"},"values":[[0,"3"],[5,"1"]]}`),
			trace.Prometheus{},
			5 * time.Second,
			map[string][]int{"m": {20, 15}},
		},
		{
			"the labels that differ", matrix(
				`{"metric":{"job":"j","ns":"p","svc":"a"},"values":[[0,"1"],[5,"1"]]}`, `{"metric":{"job":"j","ns":"q"},"values":[[0,"1"],[5,"1"]]}`),
			trace.Prometheus{},
			5 * time.Second,
			map[string][]int{"p,a": {5, 5}, "q": {5, 5}},
		},
		{
			"a label by name", matrix(
				`{"metric":{"model":"m","pod":"1"},"values":[[0,"1"],[5,"2"]]}`, `{"metric":{"model":"m","pod":"2"},"values":[[0,"3"],[5,"1"]]}`),
			trace.Prometheus{Label: "pod"},
			5 * time.Second,
			map[string][]int{"1": {5, 10}, "2": {15, 5}},
		},
		{
			"the data alone, a number that is no string, and a step by word",
			` {"resultType":"matrix","result":[{"metric":{"model":"a"},"values":[[0.5,1],[20.5,"2"]]}]}`,
			trace.Prometheus{Step: 10 * time.Second},
			10 * time.Second,
			map[string][]int{"a": {10, 0, 20}},
		},
		{
			"the result alone, names with quotes and lines", `[{"metric":{"model":"a\"\n,b"},"values":[[0,"1"],[1,"1"]]}]`,
			trace.Prometheus{},
			time.Second,
			map[string][]int{`a" ,b`: {1, 1}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := scanProm(c.text, c.p)
			require.NoError(t, err)
			require.Equal(t, c.step, tr.Step)
			require.Equal(t, c.want, counts(t, tr))
			if c.p == (trace.Prometheus{Step: c.p.Step}) {
				again, err := scan(c.text, c.p.Step)
				require.NoError(t, err, "told from the content")
				require.Equal(t, c.want, counts(t, again))
			}
		})
	}
}

func TestPrometheusFaults(t *testing.T) {
	values := func(v string) string { return matrix(`{"metric":{"a":"b"},"values":[[0,"1"],` + v + `]}`) }
	for _, c := range []struct {
		text string
		p    trace.Prometheus
		want string
	}{
		{`{"status":"error","errorType":"bad_data","error":"parse\nerror"}`, trace.Prometheus{}, "q.json: the query failed: parse error bad_data"},
		{`{"status":"success","data":{"resultType":"vector","result":[]}}`, trace.Prometheus{}, `q.json: is a result of type "vector", wants the "matrix" of a range query`},
		{"{\n\"a\":\n?}", trace.Prometheus{}, "q.json: line 3: invalid character '?'"},
		{`{"data":{"resultType":"matrix","result":{"a":1}}}`, trace.Prometheus{}, "q.json: data.result: json: cannot unmarshal object"},
		{"[1]", trace.Prometheus{}, "q.json: line 1: json: cannot unmarshal number"},
		{matrix(), trace.Prometheus{}, "q.json: the query found no series"},
		{matrix(`{"metric":{}}`), trace.Prometheus{}, "q.json: the series have no values"},
		{matrix(`{"metric":{},"histograms":[[0,{}]]}`), trace.Prometheus{}, "q.json: data.result[0]: holds native histograms"},
		{matrix(`{"metric":{},"values":[[0,"1"]]}`), trace.Prometheus{}, "q.json: all values are of one time"},
		{values(`[60]`), trace.Prometheus{}, "q.json: data.result[0].values[1]: [60] is no pair of a time and a value"},
		{values(`["x","1"]`), trace.Prometheus{}, `q.json: data.result[0].values[1]: time: "\"x\"" is no number in [0, 4e+09]`},
		{values(`[60,"+Inf"]`), trace.Prometheus{}, `q.json: data.result[0].values[1]: "+Inf" is no number >= 0`},
		{values(`[60,"-1"]`), trace.Prometheus{}, `"-1" is no number >= 0`},
		{values(`[60,"one"]`), trace.Prometheus{}, `"one" is no number >= 0`},
		{values(`[60,"1e13"]`), trace.Prometheus{}, `"1e13" is too large`},
		{values(`[60,"1e11"]`), trace.Prometheus{}, "q.json: b: 6e+12 requests in the step at 60 s, more than 1e+07"},
		{values(`[0,"1"]`), trace.Prometheus{}, "q.json: data.result[0].values[1]: time does not go on: 0 after 0 seconds"},
		{values(`[65,"1"]`), trace.Prometheus{Step: time.Minute}, "q.json: data.result[0].values[1]: 65 s is not on the grid of 1m0s"},
		{values(`[0.001,"1"],[4000000,"1"]`), trace.Prometheus{}, "the times lie on a grid of 1ms"},
		{values(`[60,"1"]`), trace.Prometheus{Step: 500 * time.Microsecond}, "q.json: the step must be whole milliseconds >= 0, is 500µs"},
		{values(`[60,"1"]`), trace.Prometheus{Step: -time.Minute}, "the step must be whole milliseconds >= 0, is -1m0s"},
		{values(`[60,"1"]`), trace.Prometheus{Label: "model"}, `q.json: data.result[0]: has no label "model"`},
	} {
		if strings.Contains(c.text, "1e11") {
			c.text = matrix(`{"metric":{"model":"b"},"values":[[0,"1"],[60,"1e11"]]}`)
		}
		_, err := scanProm(c.text, c.p)
		require.Error(t, err, c.text)
		require.Contains(t, err.Error(), c.want)
		require.NotContains(t, err.Error(), "\n")
	}
}

// A counter and the counts that it was made of tell the same.
func TestPrometheusCountersAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var values []string
		want := []int{0}
		count := rapid.IntRange(0, 1000).Draw(rt, "start")
		values = append(values, fmt.Sprintf(`[0,"%d"]`, count))
		for i := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			n := rapid.IntRange(0, 50).Draw(rt, "n")
			want = append(want, n)
			count += n
			if rapid.IntRange(0, 3).Draw(rt, "reset") == 0 && n < count-n {
				count = n // it started anew within the step
			}
			values = append(values, fmt.Sprintf(`[%d,%s]`, 15*(i+1), strconv.Quote(strconv.Itoa(count))))
		}
		tr, err := scanProm(matrix(`{"metric":{"__name__":"x_count"},"values":[`+strings.Join(values, ",")+`]}`), trace.Prometheus{})
		if err != nil {
			rt.Fatal(err)
		}
		got := counts(t, tr)["x_count"]
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("got %v, want %v of %v", got, want, values)
		}
	})
}

// Nothing leads to a panic, and what can be read can be replayed.
func FuzzPrometheus(f *testing.F) {
	f.Add(matrix(`{"metric":{"model":"a"},"values":[[1700000000,"0.1"],[1700000060,"NaN"],[1700000120,"3"]]}`), "", uint8(0))
	f.Add(matrix(`{"metric":{"__name__":"x_total"},"values":[[0,"5"],[60,"1"]]}`, `{"metric":{"pod":"\u0000"},"values":[[30,1]]}`), "pod", uint8(2))
	f.Add(`[{"metric":{},"values":[[0,"1"],[1,"1"]]}]`, "", uint8(1))
	f.Add(`{"status":"error","error":"x"}`, "", uint8(0))
	f.Fuzz(func(t *testing.T, text, label string, kind uint8) {
		tr, err := scanProm(text, trace.Prometheus{Label: label, Kind: trace.PrometheusKind(kind % 3)})
		if err != nil {
			require.NotContains(t, err.Error(), "\n", "one line")
			return
		}
		require.True(t, json.Valid([]byte(text)))
		if tr.Requests > 10_000 || tr.Length > 24*time.Hour {
			return
		}
		drain(t, tr, trace.Options{Service: plain})
	})
}
