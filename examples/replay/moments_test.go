package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator/sim"
)

func TestWhy(t *testing.T) {
	r := &report{settings: &settings{start: span(35 * time.Second)}}
	series := func(load, desired, ready float64) stretch {
		return stretch{model: &sim.Series{Load: []float64{0.5, load, 9}, Desired: []float64{1, desired, 9}, Ready: []float64{1, ready, 0}}, from: 0, to: 2}
	}
	require.Equal(t, "It asked for too little: at most 2 replicas for a load of up to 2.5.", r.why(series(2.5, 2, 2), time.Minute))
	require.Equal(t, "What it asked for came too late: load up to 2.5 replicas, 3 asked for, but for a while only 1 ready; a start takes 35s.", r.why(series(2.5, 3, 2), time.Minute))
	require.Equal(t, "There was room on average: load up to 0.9 replicas, never fewer than 1 ready. A burst shorter than 1m0s, or too little to spare.", r.why(series(0.9, 1, 1), time.Minute))
}

// The worst stretches first, each with the decisions around it.
func TestWorstMoments(t *testing.T) {
	r := &report{settings: &settings{start: span(10 * time.Second)}}
	missed := make([]float64, 60)
	missed[10], missed[13], missed[20], missed[40], missed[50] = 5, 6, 10, 1, 2
	flat := make([]float64, 60)
	x := &sim.Result{
		History: &sim.History{Step: time.Minute, Models: []sim.Series{{Model: "a", Load: flat, Desired: flat, Ready: flat, Missed: missed}}},
		Decisions: []sim.Decided{
			{At: 8*time.Minute + 39*time.Second, Model: "a", From: 9, To: 8, Why: "8: before"},
			{At: 8*time.Minute + 40*time.Second, Model: "a", From: 8, To: 9, Why: "9: target ratio 8->9"},
			{At: 9 * time.Minute, Model: "b", From: 1, To: 2},
			{At: 14*time.Minute + time.Second, Model: "a", From: 9, To: 8, Why: "8: after"},
		},
	}
	got := r.worstMoments(x)
	require.Len(t, got, 3)
	require.Equal(t, "00:10:00 – 00:14:00", got[0].When, "two steps between belong together")
	require.Equal(t, "11 requests missed", got[0].Missed)
	require.Equal(t, []string{"00:08:40  8 → 9: target ratio 8->9"}, got[0].Decisions)
	require.Equal(t, "10 requests missed", got[1].Missed)
	require.Equal(t, "2 requests missed", got[2].Missed)
}

func TestVerdict(t *testing.T) {
	result := func(name string, missed int64, cost float64) sim.Result {
		return sim.Result{Policy: name, Requests: 100_000, Missed: missed, ReplicaHours: cost}
	}
	verdict := func(v float64, results ...sim.Result) string {
		f := &found{results: [][]sim.Result{results}}
		if v > 0 {
			f.v, f.bound = []sim.Schedule{{Requests: 1, ReplicaHours: v}}, v/2
		}
		return strings.Join((&report{found: f, results: results}).verdict(), "\n")
	}
	require.Equal(t, `Of the policies that keep 99.9 % of requests within the allowed wait, b costs least: 200 replica-hours, 0.100 % missed.
The cheapest of all, c, costs 50 % less and misses 5.000 %: 5,000 requests.
Who knew the future could have served 99.9 % with 160 replica-hours, so that b costs 1.25 times what is possible; less than 80.0 is impossible, proven.`,
		verdict(160, result("a", 0, 300), result("b", 100, 200), result("c", 5000, 100)))
	require.Equal(t, `No policy keeps 99.9 % of requests within the allowed wait. a misses least: 1.000 %, for 300 replica-hours.
The cheapest of all, c, costs 67 % less and misses 5.000 %: 5,000 requests.`,
		verdict(0, result("a", 1000, 300), result("c", 5000, 100)))
	require.Equal(t, "a costs 3.00 replica-hours and misses 1.000 %.", verdict(0, result("a", 1000, 3)))
}

func TestWrittenNumbers(t *testing.T) {
	require.Equal(t, []string{"0", "999", "1,000", "12,345,678"}, []string{thousands(0), thousands(999), thousands(1000), thousands(12345678)})
	require.Equal(t, "1d 02:03:04", clock(26*time.Hour+3*time.Minute+4*time.Second))
	require.Equal(t, []string{"123", "12.3", "1.23", "?"}, []string{sig(123.4), sig(12.34), sig(1.234), sig(nan())})
}

func nan() float64 { return sim.Estimated([]float64{1}).Half }

// The page says in words what happened, in every world.
func TestPageTells(t *testing.T) {
	for _, more := range [][]string{
		{"-compare", "-policy", "hpa-rate-70,kpa"},
		{"-servers", "4,3", "-policy", "hpa-rate-70,kpa"},
		{"-sweep", "slo", "-seeds", "2", "-limit", "5", "-wrong-service", "2", "-metric-delay", "5", "-metric-loss", "0.1", "-failed-starts", "0.1", "-slow-starts", "0.1", "-untold"},
	} {
		file := filepath.Join(t.TempDir(), "r.html")
		status, _, log := call(t, burst, append([]string{"-trace", "-", "-start", "20s", "-warmup", "1m", "-html", file}, more...)...)
		require.Zero(t, status, log)
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		page := string(raw)
		require.Contains(t, page, "of requests within the allowed wait")
		require.Contains(t, page, "The worst moments")
		moment := regexp.MustCompile(`\d+:\d+:\d+ – \d+:\d+:\d+ · [ab] · [\d,]+ requests missed`)
		require.True(t, moment.MatchString(page) || more[0] == "-servers", "%v", more)
		require.NotRegexp(t, `(src|href)="?(https?:)?//`, page)
		require.NotContains(t, page, "ZgotmplZ")
		switch more[0] {
		case "-compare":
			require.Contains(t, page, "proven lower bound")
			require.Contains(t, page, "best fixed counts")
		case "-sweep":
			for _, said := range []string{"replicas in all, at most", "2 × the truth", "metrics late by", "metrics lost", "loads that fail", "slow loads", "not told, learned"} {
				require.Contains(t, page, said)
			}
		}
	}
}
