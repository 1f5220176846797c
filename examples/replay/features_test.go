package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/policy"
)

// ran is the JSON of a run on the burst.
func ran(t *testing.T, args ...string) (j jsonReport) {
	t.Helper()
	status, out, log := call(t, burst, append([]string{"-trace", "-", "-service-cv", "0.5", "-start", "20s", "-warmup", "1m", "-json"}, args...)...)
	require.Zero(t, status, log)
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	return j
}

func TestCompare(t *testing.T) {
	j := ran(t, "-compare")
	require.Len(t, j.Runs, strings.Count(comparedPolicies, ",")+1)
	require.Positive(t, j.Bound)
	require.LessOrEqual(t, j.Bound, j.Clairvoyant.ReplicaHours)
	require.LessOrEqual(t, j.Bound, j.Static.ReplicaHours)
	require.LessOrEqual(t, j.Static.Violations, 0.1)
	require.Len(t, ran(t, "-compare", "-policy", "kpa").Runs, 1, "those that are named")

	status, out, log := call(t, burst, "-trace", "-", "-compare", "-policy", "kpa,ray", "-warmup", "1m")
	require.Zero(t, status, log)
	for _, want := range []string{"cost/V", "clairvoyant", "best static", "costs less than", "proven"} {
		require.Contains(t, out, want)
	}
}

func TestSweep(t *testing.T) {
	j := ran(t, "-sweep", "hpa-rate=0.2,0.5,0.8")
	require.Equal(t, []string{"hpa-rate=0.2", "hpa-rate=0.5", "hpa-rate=0.8"}, []string{j.Runs[0].Policy, j.Runs[1].Policy, j.Runs[2].Policy})
	require.Greater(t, j.Runs[0].ReplicaHours, j.Runs[2].ReplicaHours)
	require.Less(t, j.Runs[0].Violations, j.Runs[2].Violations)
	_, out, _ := call(t, burst, "-trace", "-", "-sweep", "kpa", "-warmup", "1m")
	require.Contains(t, out, "frontier")
	require.Regexp(t, `(?m)kpa=\S+ .* \*$`, out)
	for _, k := range knobs {
		status, _, log := call(t, burst, "-trace", "-", "-sweep", k.policy, "-warmup", "1m", "-json")
		require.Zero(t, status, log)
	}
}

// Means of seeds are those of the seeds run one by one.
func TestSeeds(t *testing.T) {
	three := ran(t, "-policy", "hpa-rate-70", "-seeds", "3", "-clairvoyant")
	sum, costs, v := 0.0, 0.0, 0.0
	for seed := range 3 {
		one := ran(t, "-policy", "hpa-rate-70", "-seed", fmt.Sprint(seed+1), "-clairvoyant")
		sum += one.Runs[0].Violations / 3
		costs += one.Runs[0].ReplicaHours / 3
		v += one.Clairvoyant.ReplicaHours / 3
		require.Zero(t, one.Runs[0].ViolationsHalf)
	}
	require.InDelta(t, sum, three.Runs[0].Violations, 1e-9)
	require.InDelta(t, costs, three.Runs[0].ReplicaHours, 1e-9)
	require.InDelta(t, v, three.Clairvoyant.ReplicaHours, 1e-9)
	require.Positive(t, three.Runs[0].ViolationsHalf)
	require.Equal(t, 3, three.Settings.Seeds)
	_, out, _ := call(t, burst, "-trace", "-", "-seeds", "2", "-policy", "kpa", "-warmup", "1m")
	require.Contains(t, out, " ± ")
}

// Each fault changes what comes out, and says so in the settings.
func TestFaultFlags(t *testing.T) {
	usual := ran(t, "-policy", "hpa-rate-70")
	require.Zero(t, usual.Settings.WrongService)
	for _, c := range []struct {
		args []string
		told func(jsonSettings) float64
		want float64
	}{
		{[]string{"-wrong-service", "3"}, func(s jsonSettings) float64 { return s.WrongService }, 3},
		{[]string{"-metric-delay", "25s"}, func(s jsonSettings) float64 { return s.MetricDelay }, 25},
		{[]string{"-metric-loss", "0.9"}, func(s jsonSettings) float64 { return s.MetricLoss }, 0.9},
		{[]string{"-failed-starts", "0.9"}, func(s jsonSettings) float64 { return s.FailedStarts }, 0.9},
		{[]string{"-slow-starts", "1", "-slow-factor", "2"}, func(s jsonSettings) float64 { return s.SlowFactor }, 2},
		{[]string{"-limit", "2"}, func(s jsonSettings) float64 { return float64(s.Limit) }, 2},
	} {
		got := ran(t, append([]string{"-policy", "hpa-rate-70"}, c.args...)...)
		require.Equal(t, c.want, c.told(got.Settings), "%v", c.args)
		require.NotEqual(t, usual.Runs[0], got.Runs[0], "%v", c.args)
	}
	require.True(t, ran(t, "-untold").Settings.Untold)
}

// What learns service times is told them only where they are wrong, and by value is
// the same policy with another share.
func TestMisled(t *testing.T) {
	m := sim.ModelInfo{Wait: time.Second, MeanService: 3 * time.Second}
	for wrong, told := range map[bool]time.Duration{false: 0, true: m.MeanService} {
		got, err := setups("adaptive,adaptive-by-value", wrong)
		require.NoError(t, err)
		for i, share := range []coordinator.Share{coordinator.Evenly, coordinator.ByValue} {
			require.Equal(t, policy.Adaptive{Wait: time.Second, Service: told}, got[i].Policy(m), "wrong %v", wrong)
			require.Equal(t, share, got[i].Share, got[i].Name)
		}
	}
}

func TestServers(t *testing.T) {
	alone := ran(t, "-policy", "hpa-rate-70,seldon-lag")
	j := ran(t, "-policy", "hpa-rate-70,seldon-lag", "-servers", "4,3", "-compare")
	require.Len(t, j.Runs, 2)
	require.NotEqual(t, alone.Runs[0].ReplicaHours, j.Runs[0].ReplicaHours)
	require.Zero(t, j.Bound, "it is of models that stand alone")
	require.Equal(t, "4,3", j.Settings.Servers)
}

const query = `{"status":"success","data":{"resultType":"matrix","result":[
{"metric":{"model":"a","pod":"x"},"values":[[60,"1"],[120,"10"],[180,"10"],[240,"1"]]},
{"metric":{"model":"b","pod":"y"},"values":[[60,"0.1"],[120,"NaN"],[240,"0.1"]]}]}}`

func TestPrometheusQuery(t *testing.T) {
	status, out, log := call(t, query, "-trace", "-", "-warmup", "1m", "-json", "-policy", "kpa")
	require.Zero(t, status, log)
	var j jsonReport
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	require.Equal(t, jsonTrace{"standard input", 1332, 2, 240}, j.Trace)
	_, out, _ = call(t, query, "-trace", "-", "-warmup", "1m", "-json", "-policy", "kpa", "-prometheus", "counter", "-prometheus-label", "pod")
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	require.EqualValues(t, 10, j.Trace.Requests, "9 and, after a restart, 1")
}

// benchFolder is a folder of small traces of known names, and the arguments that
// write their benchmarks to out.
func benchFolder(t *testing.T) (dir, out string, args []string) {
	dir = t.TempDir()
	for _, name := range []string{"faro_small.csv.gz", "azure_llm_conv.csv.gz", "unheard_of.csv.gz"} {
		text := burst
		if strings.Contains(name, "llm") {
			text = "timestamp_s,model,input_tokens,output_tokens\n0,a,100,10\n"
			for s := range 420 {
				text += fmt.Sprintf("%d,a,%d,20\n", s, 100*(s%7))
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	out = filepath.Join(dir, "BENCHMARKS.md")
	return dir, out, []string{"-bench", dir, "-out", out, "-date", "2001-02-03", "-seeds", "2", "-policy", "hpa-rate-70,kpa,seldon-lag"}
}

// Every part of the benchmarks.
func TestBench(t *testing.T) {
	dir, out, args := benchFolder(t)
	status, printed, log := call(t, "", args...)
	require.Zero(t, status, log)
	require.Empty(t, printed)
	raw, err := os.ReadFile(out)
	require.NoError(t, err)
	text := string(raw)
	for _, want := range []string{
		"2001-02-03", "seeds 1 to 2", "-policy hpa-rate-70,kpa,seldon-lag -seeds 2 -out examples/replay/BENCHMARKS.md", "unheard_of.csv.gz", "## Isolated models", "### faro_small\n", "### azure_llm_conv\n",
		"`go run ./examples/replay -trace $BELLOWS_DATA/traces/faro_small.csv.gz -service-time 0.18 -service-cv 0.2 -wait 0.54 -policy hpa-rate-70,kpa,seldon-lag -limit 36 -untold -seeds 2`",
		"## Shared servers", "## Limited capacity", "## Faults", "## Start times", "## Frontier", "### All traces together", " † | ", "| hpa-rate-70 | ", "#### slo: share that may wait longer",
		"none: no flag; service × 0.7: `-wrong-service 0.7`; ",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, dir)
	require.NotContains(t, text, "Not all of it")
	require.NotContains(t, text, "``")

	// One part again: the same figures, and the others stay.
	took := regexp.MustCompile(` in \d+s with`)
	args[5] = "2001-02-04"
	status, _, log = call(t, "", append(args, "-only", "limited")...)
	require.Zero(t, status, log)
	raw, err = os.ReadFile(out)
	require.NoError(t, err)
	again := strings.Replace(string(raw), "2001-02-04", "2001-02-03", 1)
	require.Equal(t, took.ReplaceAllString(text, ""), took.ReplaceAllString(again, ""))

	// Every table is what its command line tells.
	commands := 0
	for at, table := range strings.Split(text, "\n`go run ./examples/replay ")[1:] {
		command, table, _ := strings.Cut(table, "`\n\n")
		if at > 3 && at%8 != 0 {
			continue // of those that are swept some will do
		}
		commands++
		status, got, log := call(t, "", append(strings.Fields(strings.ReplaceAll(command, "$BELLOWS_DATA/traces", dir)), "-json")...)
		require.Zero(t, status, log)
		var j jsonReport
		require.NoError(t, json.Unmarshal([]byte(got), &j))
		require.Equal(t, strings.Contains(table, ". V "), j.Clairvoyant != nil, command)
		require.Equal(t, strings.Contains(table, " bound "), j.Bound > 0, command)
		if j.Clairvoyant != nil {
			require.Contains(t, table, fmt.Sprintf(" V %s at %.3f %%;", sig(j.Clairvoyant.ReplicaHours), j.Clairvoyant.Violations), command)
		}
		for _, run := range j.Runs {
			require.Regexp(t, fmt.Sprintf(`(?m)^\| %s( †)? \| %.3f ± [0-9.]+ \| %s ± `, regexp.QuoteMeta(run.Policy), run.Violations, sig(run.ReplicaHours)), table, command)
		}
	}
	require.Equal(t, 6, commands)
}

// What was done before a fault is kept, unless the whole of the part stands
// already, and what is no report is not overwritten.
func TestBenchStops(t *testing.T) {
	dir, out, args := benchFolder(t)
	conv := filepath.Join(dir, "azure_llm_conv.csv.gz")
	good, err := os.ReadFile(conv)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(conv, []byte("no trace"), 0o644))
	status, _, log := call(t, "", append(args, "-only", "held,isolated")...)
	require.Equal(t, 2, status, log)
	raw, err := os.ReadFile(out)
	require.NoError(t, err)
	_, isolated, _ := strings.Cut(string(raw), "## Isolated models")
	require.Contains(t, isolated, "Not all of it: more rows were to come.")
	require.Contains(t, isolated, "### faro_small")
	require.NoError(t, os.WriteFile(conv, good, 0o644))
	status, _, log = call(t, "", append(args, "-only", "isolated")...)
	require.Zero(t, status, log)
	whole, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NotContains(t, string(whole), "Not all of it")
	require.NoError(t, os.WriteFile(conv, []byte("no trace"), 0o644))
	status, _, log = call(t, "", append(args, "-only", "isolated")...)
	require.Equal(t, 2, status, log)
	raw, err = os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(raw))
	require.NoError(t, os.WriteFile(out, []byte("my notes"), 0o644))
	_, _, log = call(t, "", args...)
	require.Contains(t, log, "is no report of -bench, and would be overwritten")
	require.NoError(t, os.Remove(out))

	_, _, log = call(t, "", "-bench", dir, "-out", out, "-only", "magic")
	require.Contains(t, log, `-only: "magic" is unknown; known are isolated, `)
	_, _, log = call(t, "", "-bench", t.TempDir(), "-out", out)
	require.Contains(t, log, "no trace of a known kind")
	_, _, log = call(t, "", "-bench", filepath.Join(dir, "faro_small.csv.gz"), "-out", out)
	require.Contains(t, log, "is no folder")
	_, _, log = call(t, "", "-bench", dir, "-out", filepath.Join(dir, "missing", "x"))
	require.Contains(t, log, "there is no folder")
}
