package trace_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/coordinator/sim/trace"
	"github.com/bellows-go/bellows/internal/datatest"
)

var traces = flag.String("traces", "", "folder of traces to read; BELLOWS_DATA/traces if unset")

func scan(text string, step time.Duration) (*trace.Trace, error) {
	return trace.Scan("t.csv", step, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
}

func mustScan(t testing.TB, text string) *trace.Trace {
	t.Helper()
	tr, err := scan(text, 0)
	require.NoError(t, err)
	return tr
}

var plain = trace.Service{Mean: time.Second}

// drain hands out everything, one list per model.
func drain(t testing.TB, tr *trace.Trace, o trace.Options) map[string][]sim.Request {
	t.Helper()
	r, err := tr.Open(o)
	require.NoError(t, err)
	defer r.Close()
	got := map[string][]sim.Request{}
	var c sim.Chunk
	var at time.Duration
	total := int64(0)
	for {
		err := r.Next(&c)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Equal(t, at, c.From, "no gaps")
		at = c.To
		for _, s := range c.Streams {
			require.Positive(t, s.MeanService)
			for _, q := range s.Requests {
				require.True(t, q.At >= c.From && q.At < c.To && q.Service > 0, "%v in [%v, %v)", q, c.From, c.To)
			}
			got[s.Model] = append(got[s.Model], s.Requests...)
			total += int64(len(s.Requests))
		}
	}
	require.Equal(t, r.Length(), at)
	require.Equal(t, total, r.Requests())
	for m, reqs := range got {
		require.True(t, slices.IsSortedFunc(reqs, func(a, b sim.Request) int { return int(a.At - b.At) }), m)
	}
	return got
}

const requests = `timestamp_s,model,input_tokens,output_tokens
0,a,100,10
1.5,b,200,20
61.25,a,300,30
`

func TestRequests(t *testing.T) {
	tr := mustScan(t, requests)
	require.False(t, tr.Rates)
	require.True(t, tr.Tokens)
	require.EqualValues(t, 3, tr.Requests)
	require.Equal(t, []string{"a", "b"}, tr.Models)
	require.Equal(t, 62*time.Second, tr.Length)

	perToken := trace.Service{PerToken: &trace.PerToken{In: 0.01, Out: 0.1}}
	want := map[string][]sim.Request{
		"a": {{At: 0, Service: 2 * time.Second}, {At: 61250 * time.Millisecond, Service: 6 * time.Second}},
		"b": {{At: 1500 * time.Millisecond, Service: 4 * time.Second}},
	}
	require.Equal(t, want, drain(t, tr, trace.Options{Service: perToken}))

	table := trace.Service{Mean: time.Second, Table: map[string]time.Duration{"b": 3 * time.Second}}
	got := drain(t, tr, trace.Options{Service: table})
	require.Equal(t, time.Second, got["a"][0].Service)
	require.Equal(t, 3*time.Second, got["b"][0].Service)

	r, err := tr.Open(trace.Options{Service: perToken})
	require.NoError(t, err)
	var c sim.Chunk
	require.NoError(t, r.Next(&c))
	require.Equal(t, 4*time.Second, c.Streams[0].MeanService, "the mean of all of a's requests")
}

func TestSpans(t *testing.T) {
	tr := mustScan(t, requests)
	got := drain(t, tr, trace.Options{From: time.Second, To: 61 * time.Second, Service: plain})
	require.Equal(t, map[string][]sim.Request{"b": {{At: 500 * time.Millisecond, Service: time.Second}}}, got)
	got = drain(t, tr, trace.Options{From: time.Second, To: 61*time.Second + 251*time.Millisecond, Service: plain})
	require.Len(t, got["a"], 1, "the end is not part of the span")

	// A span may cut a step in two; what lies outside is dropped.
	rates := mustScan(t, "t_s,model,requests\n0,a,1000\n60,a,1000\n")
	n := len(drain(t, rates, trace.Options{From: 30 * time.Second, To: 90 * time.Second, Service: plain})["a"])
	require.InDelta(t, 1000, n, 100)
}

func TestRates(t *testing.T) {
	tr := mustScan(t, "t_s,model,requests\n1000,a,500\n1000,b,1\n1030,a,0\n1090,a,200\n")
	require.True(t, tr.Rates)
	require.Equal(t, 30*time.Second, tr.Step)
	require.Equal(t, 120*time.Second, tr.Length, "the last step is as long as the others")
	got := drain(t, tr, trace.Options{Seed: 3, Service: trace.Service{Mean: time.Second, CV: 0.5}})
	require.Len(t, got["b"], 1)
	require.Len(t, got["a"], 700)
	require.Less(t, got["a"][499].At, 30*time.Second)
	require.GreaterOrEqual(t, got["a"][500].At, 90*time.Second)
	// Uniform over the step, lognormal service.
	var at, service, square float64
	for _, q := range got["a"][:500] {
		at += q.At.Seconds() / 500
		service += q.Service.Seconds() / 500
		square += q.Service.Seconds() * q.Service.Seconds() / 500
	}
	require.InDelta(t, 15, at, 1.5)
	require.InDelta(t, 1, service, 0.1)
	require.InDelta(t, 0.5, math.Sqrt(square-service*service)/service, 0.1)

	require.Equal(t, []string{"(blank)", "a"}, mustScan(t, "t_s,model,requests\n0,,1\n60,a,1\n60,,1\n").Models)

	given, err := scan("t_s,model,requests\n0,a,5\n", 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, given.Length)
}

func TestDrawsDependOnSeedAndModelOnly(t *testing.T) {
	o := trace.Options{Seed: 1, Thin: 0.5, Service: trace.Service{Mean: time.Second, CV: 1}}
	alone := mustScan(t, "t_s,model,requests\n0,a,100\n60,a,100\n")
	beside := mustScan(t, "t_s,model,requests\n0,b,50\n0,a,100\n60,c,7\n60,a,100\n")
	a := drain(t, alone, o)["a"]
	require.Equal(t, a, drain(t, beside, o)["a"])
	require.Equal(t, a, drain(t, alone, o)["a"])
	o.Seed = 2
	require.NotEqual(t, a, drain(t, alone, o)["a"])
}

func TestThin(t *testing.T) {
	rates := mustScan(t, "t_s,model,requests\n0,a,20000\n60,a,20000\n")
	require.InDelta(t, 800, len(drain(t, rates, trace.Options{Thin: 0.02, Service: plain})["a"]), 120)
	require.InDelta(t, 36000, len(drain(t, rates, trace.Options{Thin: 0.9, Service: plain})["a"]), 300)
	var b strings.Builder
	b.WriteString("timestamp_s,model,input_tokens,output_tokens\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "%d,a,,\n", i/10)
	}
	sparse := mustScan(t, b.String())
	require.InDelta(t, 200, len(drain(t, sparse, trace.Options{Thin: 0.01, Service: plain})["a"]), 60)
}

func TestGzipIsToldByContent(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(requests))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	tr, err := trace.Scan("plain-looking.csv", 0, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	require.NoError(t, err)
	require.EqualValues(t, 3, tr.Requests)
	cut := b.Bytes()[:b.Len()-9]
	_, err = trace.Scan("cut", 0, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(cut)), nil })
	require.ErrorContains(t, err, "cut:")
}

func TestScanRefuses(t *testing.T) {
	const r, q = "t_s,model,requests\n", "timestamp_s,model,input_tokens,output_tokens\n"
	for _, c := range []struct{ text, want string }{
		{"", "t.csv: is empty, wants a header line"},
		{"a,b\n", `t.csv:1: header is "a,b", wants "timestamp_s,model,input_tokens,output_tokens" or "t_s,model,requests"`},
		{r, "t.csv: has no rows"},
		{r + "0,a,1\n60,a\n", "t.csv:3: 2 fields, wants 3"},
		{r + "0,a,1\nx,a,1\n", `t.csv:3: time: "x" is no number in [0, 4e+09]`},
		{r + "-1,a,1\n", `t.csv:2: time: "-1" is no number in [0, 4e+09]`},
		{r + "NaN,a,1\n", `t.csv:2: time: "NaN" is no number in [0, 4e+09]`},
		{r + "60,a,1\n\n0,a,1\n", "t.csv:4: time goes back: 0 after 60 seconds"},
		{r + "0,a,1.5\n", `t.csv:2: requests: "1.5" is no whole number in [0, 1e+07]`},
		{r + "0,a,-1\n", `t.csv:2: requests: "-1" is no whole number in [0, 1e+07]`},
		{r + "0,a,1\n0,b,1\n", "t.csv: all rows are of one time, which does not tell the step: give it"},
		{r + "0,a,1\n60,a,1\n90.5,a,1\n", "t.csv: times are not evenly spaced: rows are 30.5s apart and more, on a grid of 500ms; give the step"},
		{q + "0,a,1,\n", `t.csv:2: output_tokens: "" is no number in [0, 1e+09]`},
		{q + "0,a,x,1\n", `t.csv:2: input_tokens: "x" is no number in [0, 1e+09]`},
		{q + "0,\"a,1,1\n", `t.csv:2: extraneous or missing " in quoted-field`},
	} {
		_, err := scan(c.text, 0)
		require.EqualError(t, err, c.want, "%q", c.text)
	}
	odd, err := trace.Scan("50%d.csv", 0, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(requests)), nil })
	require.NoError(t, err)
	_, err = odd.Open(trace.Options{})
	require.ErrorContains(t, err, "50%d.csv: the mean service time")
	_, err = scan(r+"0,a,1\n60,a,1\n", 45*time.Second)
	require.EqualError(t, err, "t.csv:3: 60 s is not on the grid of 45s")
	sparse, err := scan(r+"0,a,1\n60,a,1\n150,a,1\n", 30*time.Second)
	require.NoError(t, err, "that is the step")
	require.Equal(t, 30*time.Second, sparse.Step)
	_, err = scan(requests, time.Second)
	require.EqualError(t, err, "t.csv: has a row per request: a step makes no sense")
	_, err = trace.Scan("t", 0, func() (io.ReadCloser, error) { return nil, os.ErrNotExist })
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestOpenRefuses(t *testing.T) {
	tr := mustScan(t, requests)
	bare := mustScan(t, "timestamp_s,model,input_tokens,output_tokens\n0,a,,\n1,a,5,5\n")
	for _, c := range []struct {
		tr   *trace.Trace
		o    trace.Options
		want string
	}{
		{tr, trace.Options{}, "the mean service time must be in (0, 1000h]"},
		{tr, trace.Options{Service: plain, Thin: 1.1}, "the share kept must be in (0, 1]"},
		{tr, trace.Options{Service: plain, From: 62 * time.Second}, "nothing lies between 1m2s and 1m2s"},
		{tr, trace.Options{Service: plain, From: -1}, "must not start or end before 0"},
		{tr, trace.Options{Service: trace.Service{Mean: 1, CV: -1}}, "coefficient of variation"},
		{tr, trace.Options{Service: trace.Service{PerToken: &trace.PerToken{In: -1, Out: 2}}}, "service per token must be >= 0"},
		{bare, trace.Options{Service: trace.Service{PerToken: &trace.PerToken{In: 1}}}, "needs tokens in every row"},
	} {
		_, err := c.tr.Open(c.o)
		require.ErrorContains(t, err, c.want)
	}
}

// Whatever a trace of rates says comes out, no more and no less.
func TestCountsAreKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		step := rapid.SampledFrom([]int{1, 7, 60, 600}).Draw(rt, "step")
		var b strings.Builder
		b.WriteString("t_s,model,requests\n")
		want := map[string]int{}
		for i := range rapid.IntRange(2, 10).Draw(rt, "steps") {
			for _, m := range []string{"a", "b"} {
				n := rapid.IntRange(0, 30).Draw(rt, "n")
				fmt.Fprintf(&b, "%d,%s,%d\n", i*step, m, n)
				want[m] += n
			}
		}
		tr, err := scan(b.String(), 0)
		if err != nil {
			rt.Fatal(err)
		}
		got := map[string]int{"a": 0, "b": 0}
		for m, reqs := range drain(t, tr, trace.Options{Seed: 5, Service: plain}) {
			got[m] = len(reqs)
		}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("got %v, want %v of\n%s", got, want, b.String())
		}
	})
}

// Every trace of the data folder is read whole and hands out what it holds.
func TestPublishedTraces(t *testing.T) {
	dir := datatest.Dir(t, *traces, "traces")
	files, err := filepath.Glob(filepath.Join(dir, "*.csv.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no *.csv.gz in %s", dir)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			tr, err := trace.Scan(file, 0, func() (io.ReadCloser, error) { return os.Open(file) })
			require.NoError(t, err)
			o := trace.Options{Seed: 1, Service: plain}
			if tr.Requests > 1_000_000 {
				o.To = time.Duration(float64(tr.Length) * 1_000_000 / float64(tr.Requests)).Truncate(time.Second)
			}
			n := 0
			for _, reqs := range drain(t, tr, o) {
				n += len(reqs)
			}
			if o.To == 0 {
				require.EqualValues(t, tr.Requests, n)
			}
			require.Positive(t, n)
			t.Logf("%d requests, %d models, %v", tr.Requests, len(tr.Models), tr.Length)
		})
	}
}

// Nothing in a trace leads to a panic, and what can be read can be replayed.
func FuzzScan(f *testing.F) {
	f.Add(requests)
	f.Add("t_s,model,requests\n0,a,5\n60,a,7\n")
	f.Add("t_s,model,requests\n1e9,a,5\n1000000000.5,\"b\nc\",7\n")
	f.Add("\x1f\x8b\b")
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := scan(text, 0)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		if tr.Requests > 10_000 || tr.Length > 24*time.Hour {
			return
		}
		drain(t, tr, trace.Options{Service: plain})
	})
}
