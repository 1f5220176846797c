package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/internal/datatest"
	"github.com/bellows-go/bellows/policy"
)

var (
	update = flag.Bool("update", false, "rewrite the golden report")
	traces = flag.String("traces", "", "folder of traces to replay; BELLOWS_DATA/traces if unset")
)

// call runs the program.
func call(t *testing.T, stdin string, args ...string) (status int, out, log string) {
	t.Helper()
	var o, l bytes.Buffer
	status = run(args, strings.NewReader(stdin), &o, &l)
	return status, o.String(), l.String()
}

const burst = `t_s,model,requests
0,a,60
0,b,6
60,a,600
120,a,600
180,a,60
240,a,60
300,b,60
360,a,60
`

var settled = []string{"-service-cv", "0", "-start", "20s", "-warmup", "1m", "-policy", "hpa-rate-70,seldon-lag,lag-track"}

func TestGoldenJSON(t *testing.T) {
	status, out, log := call(t, burst, append(settled, "-trace", "-", "-json")...)
	require.Zero(t, status, log)
	require.Empty(t, log, "no progress where there is no terminal")
	golden := filepath.Join("testdata", "burst.json")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out)

	// The same bytes with one processor, and from a compressed file.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	file := filepath.Join(t.TempDir(), "burst.bin")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write([]byte(burst))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	_, again, _ := call(t, "", append(settled, "-trace", file, "-json")...)
	require.Equal(t, strings.Replace(out, "standard input", "burst.bin", 1), again)
}

// The names in the report are a contract.
func TestJSONFields(t *testing.T) {
	_, out, _ := call(t, burst, append(settled, "-trace", "-", "-json")...)
	var j map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	keys := func(v any) (names []string) {
		for k := range v.(map[string]any) {
			names = append(names, k)
		}
		return names
	}
	require.ElementsMatch(t, []string{"trace", "settings", "runs", "clairvoyant", "work_bound_replica_hours"}, keys(j))
	require.ElementsMatch(t, []string{"name", "requests", "models", "seconds"}, keys(j["trace"]))
	require.ElementsMatch(t, []string{
		"policy", "violations_pct", "worst_model_pct", "wait_p50_s", "wait_p99_s", "wait_p999_s",
		"replica_hours", "server_hours", "churn", "peak_replicas", "unserved",
	}, keys(j["runs"].([]any)[0]))
	require.Nil(t, j["clairvoyant"])

	_, out, _ = call(t, burst, append(settled, "-trace", "-", "-json", "-clairvoyant")...)
	var known jsonReport
	require.NoError(t, json.Unmarshal([]byte(out), &known))
	require.LessOrEqual(t, known.Clairvoyant.Violations, 0.1)
	require.GreaterOrEqual(t, known.Clairvoyant.ReplicaHours, known.WorkBound)
	require.Less(t, known.Clairvoyant.ReplicaHours, known.Runs[1].ReplicaHours)
	_, out, _ = call(t, burst, append(settled, "-trace", "-", "-clairvoyant")...)
	require.Contains(t, out, "clairvoyant")
}

func TestTable(t *testing.T) {
	status, out, log := call(t, burst, append(settled, "-trace", "-")...)
	require.Zero(t, status, log)
	require.Contains(t, out, "standard input: 1506 requests, 2 models, 7m0s; waits up to 540ms allowed")
	for _, name := range []string{"hpa-rate-70", "seldon-lag", "lag-track", "load"} {
		require.Regexp(t, regexp.MustCompile(`(?m)^ *`+name+` `), out)
	}
	require.Regexp(t, `lag-track .*█`, out)
}

func TestPage(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	hostile := strings.ReplaceAll(burst, ",b,", ",</script><script>alert(1)</script>,")
	status, _, log := call(t, hostile, append(settled, "-trace", "-", "-html", file)...)
	require.Zero(t, status, log)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	page := string(raw)
	require.NotContains(t, page, "<script>alert", "what a trace says is no markup")
	require.NotRegexp(t, `(src|href)="?(https?:)?//`, page, "needs no network")
	require.Contains(t, page, "lag threshold", "the reasons are there")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half-written is left")
}

func TestBadInputIsOneLine(t *testing.T) {
	dir := t.TempDir()
	table := filepath.Join(dir, "table.csv")
	require.NoError(t, os.WriteFile(table, []byte("model,mean_s\na,x\n"), 0o644))
	other := filepath.Join(dir, "other.csv")
	require.NoError(t, os.WriteFile(other, []byte("a,b\n"), 0o644))
	empty := filepath.Join(dir, "empty.csv")
	require.NoError(t, os.WriteFile(empty, nil, 0o644))
	ragged := filepath.Join(dir, "ragged.csv")
	require.NoError(t, os.WriteFile(ragged, []byte("model,mean_s\na,1\nb\n"), 0o644))
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"-trace", filepath.Join(dir, "none.csv")}, "none.csv: no such file or directory"},
		{"", []string{"-trace", dir}, "is a folder"},
		{"", []string{"-trace", ""}, "-trace needs the name of a file, or -"},
		{"a,b\n", []string{"-trace", "-"}, `standard input:1: header is "a,b"`},
		{burst + "x,a,1\n", []string{"-trace", "-"}, `standard input:10: time: "x" is no number`},
		{burst + "1,a,1\n", []string{"-trace", "-"}, "standard input:10: time goes back"},
		{burst, []string{"-trace", "-", "-policy", "magic"}, `-policy: "magic" is unknown; known are adaptive, adaptive-by-value, hpa-rate-50,`},
		{burst, []string{"-policy", "seldon-lag,seldon-lag"}, "named twice"},
		{burst, []string{"-trace", "-", "-service-per-token", "1,2"}, "service per token needs tokens in every row"},
		{burst, []string{"-trace", "-", "-service-per-token", "1"}, "is not two numbers of seconds"},
		{burst, []string{"-trace", "-", "-service-per-token", "1,2", "-service-time", "1"}, "exclude each other"},
		{burst, []string{"-trace", "-", "-service-table", table}, `table.csv:2: mean_s: "x" is no number of seconds`},
		{burst, []string{"-trace", "-", "-service-table", other}, `other.csv:1: header is "a,b", wants columns model and mean_s`},
		{burst, []string{"-trace", "-", "-from", "2m", "-to", "1m"}, "-to 1m0s must be after -from 2m0s"},
		{burst, []string{"-trace", "-", "-from", "1h"}, "nothing lies between 1h0m0s and 7m0s"},
		{burst, []string{"-trace", "-", "-from", "-1"}, "-from must be >= 0"},
		{burst, []string{"-trace", "-", "-thin", "0"}, "-thin must be in (0, 1], is 0"},
		{burst, []string{"-trace", "-", "-slots", "0"}, "-slots must be in [1, 1e6], is 0"},
		{burst, []string{"-trace", "-", "-tick", "0"}, "-tick must be > 0, is 0s"},
		{burst, []string{"-trace", "-", "-tick", "soon"}, "is neither seconds nor a duration like 1m30s"},
		{burst, []string{"-trace", "-", "-step", "0"}, "-step must be > 0"},
		{burst, []string{"-trace", "-", "-min", "3", "-max", "2"}, "-max must be >= 1 and >= -min 3, is 2"},
		{burst, []string{"-trace", "-", "-html", ""}, "-html needs the name of a file"},
		{"", []string{"-html", filepath.Dir(table) + "/./table.csv", "-trace", table}, "-html would overwrite " + table},
		{burst, []string{"-trace", "-", "-html", table, "-service-table", table}, "-html would overwrite " + table},
		{burst, []string{"-trace", "-", "-html", dir}, "is a folder"},
		{burst, []string{"-trace", "-", "-html", filepath.Join(dir, "missing", "x.html")}, "no such file or directory"},
		{burst, []string{"-trace", "-", "-html", filepath.Join(table, "x.html")}, "is no folder"},
		{burst, []string{"-trace", "-", "-warmup", "10m"}, "nothing is left to count: -warmup 10m0s of 7m0s"},
		{burst, []string{"-trace", "-", "-start", "-1"}, "-start must be >= 0"},
		{burst, []string{"-trace", "-", "-start", "2562047h"}, "Start must be in [0, 100000h0m0s]"},
		{burst, []string{"-trace", "-", "-service-cv", "NaN"}, "-service-cv must be in [0, 100]"},
		{burst, []string{"-trace", "-", "-service-time", "0"}, "-service-time must be > 0"},
		{burst, []string{"-trace", "-", "-min", "-1"}, "-min must be >= 0"},
		{burst, []string{"-trace", "-", "-service-table", empty}, "empty.csv: is empty, wants a header line"},
		{burst, []string{"-trace", "-", "-service-table", ragged}, "ragged.csv:3: wrong number of fields"},
		{burst, []string{"-sweep", "kpa", "-policy", "kpa"}, "-sweep and -policy exclude each other"},
		{burst, []string{"-sweep", ""}, "-sweep needs the name of a policy"},
		{burst, []string{"-sweep", "magic"}, `-sweep: "magic" is unknown; known are adaptive, hpa-rate, `},
		{burst, []string{"-sweep", "kpa=0.5,x"}, `-sweep: "x" is no number in (0, 10)`},
		{burst, []string{"-sweep", "kpa=0"}, `-sweep: "0" is no number in (0, 10)`},
		{burst, []string{"-sweep", "kpa=NaN"}, `-sweep: "NaN" is no number in (0, 10)`},
		{burst, []string{"-sweep", "kpa=0.5,0.5"}, "-sweep: 0.5 stands twice"},
		{burst, []string{"-seeds", "0"}, "-seeds must be in [1, 1000], is 0"},
		{burst, []string{"-limit", "0"}, "-limit must be >= 1, is 0"},
		{burst, []string{"-limit", "-1"}, "-limit must be >= 1, is -1"},
		{burst, []string{"-wrong-service", "0"}, "-wrong-service must be > 0, is 0"},
		{burst, []string{"-trace", "-", "-metric-delay", "-1"}, "Faults.MetricDelay must be in [0, 1h], is -1s"},
		{burst, []string{"-trace", "-", "-metric-loss", "1"}, "Faults.MetricLoss must be in [0, 1), is 1"},
		{burst, []string{"-trace", "-", "-failed-starts", "NaN"}, "Faults.FailedStarts must be in [0, 1), is NaN"},
		{burst, []string{"-trace", "-", "-slow-starts", "2"}, "Faults.SlowStarts must be in [0, 1], is 2"},
		{burst, []string{"-trace", "-", "-slow-factor", "0.5"}, "Faults.SlowFactor must be in [1, 1000]"},
		{burst, []string{"-prometheus", "gauge"}, `-prometheus: "gauge" is none of auto, rate and counter`},
		{burst, []string{"-trace", "-", "-prometheus", "rate"}, "standard input: line 1: invalid character"},
		{`{"status":"error","error":"no"}`, []string{"-trace", "-"}, "standard input: the query failed: no"},
		{burst, []string{"-servers", "4"}, `-servers: "4" is not SLOTS,MEMORY`},
		{burst, []string{"-servers", "0,3"}, `-servers: "0,3" is not SLOTS,MEMORY`},
		{burst, []string{"-servers", ""}, "-servers needs SLOTS,MEMORY"},
		{burst, []string{"-servers", "4,3", "-limit", "3"}, "goes with neither -bound nor -limit"},
		{burst, []string{"-overcommit", "0.1"}, "-overcommit must be in [0, 100] and needs -servers"},
		{burst, []string{"-bench", ""}, "-bench needs the name of a folder"},
		{burst, []string{"-bench", "x"}, "-bench and -out go together"},
		{burst, []string{"-out", "x"}, "-bench and -out go together"},
		{burst, []string{"-only", "faults"}, "-only and -date are for -bench"},
		{burst, []string{"trace.csv"}, `unexpected argument "trace.csv": a trace is given with -trace`},
		{burst, []string{"-nonsense"}, "flag provided but not defined: -nonsense"},
		{"t_s,model,requests\n0,a,0\n60,a,0\n", []string{"-trace", "-", "-warmup", "1m"}, "no request is left to replay"},
	} {
		status, out, log := call(t, c.stdin, c.args...)
		require.Equal(t, 2, status, "%v", c.args)
		require.Empty(t, out)
		require.Contains(t, log, c.want)
		require.Equal(t, 1, strings.Count(log, "\n"), "%q", log)
	}
}

// A spark is as high as its value, and what is not nothing shows.
func TestSpark(t *testing.T) {
	require.Equal(t, " ▁▄█", spark([]float64{0, 0.1, 4, 8}, 8))
	require.Equal(t, "▄", spark([]float64{3.6}, 8), "rounds up")
	require.Equal(t, sparkWidth, len([]rune(spark(make([]float64, 1000), 0))))
}

// The HPA decides every 15 s and takes five minutes to come down.
func TestHPAPolicies(t *testing.T) {
	for _, p := range policies {
		if !strings.HasPrefix(p.name, "hpa") {
			continue
		}
		every := p.config(sim.ModelInfo{MeanService: time.Second, Slots: 2}).(policy.Every)
		require.Equal(t, 15*time.Second, every.Period)
		pace := every.Of.(policy.Pace)
		require.Equal(t, policy.Limit{Count: 4, Percent: 100, Period: 15 * time.Second}, pace.Up)
		require.Equal(t, 5*time.Minute, pace.Of.(policy.Stabilize).Down)
	}
	require.Equal(t, 1.4, rate(sim.ModelInfo{MeanService: time.Second, Slots: 2}, 0.7).Value)
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := &progress{out: &b, length: 5000 * 24 * time.Hour, shown: -1}
	p.show(2500 * 24 * time.Hour)
	p.show(2500*24*time.Hour + 1)
	require.Equal(t, "\r["+strings.Repeat("=", 20)+strings.Repeat(" ", 20)+"]  50 %", b.String())
	p.clear()
	require.True(t, strings.HasSuffix(b.String(), "\r"))
	newProgress(&b, false).show(1) // no terminal: nothing
}

func TestHelpAndPolicies(t *testing.T) {
	status, out, _ := call(t, "", "-policies")
	require.Zero(t, status)
	for _, p := range policies {
		require.Contains(t, out, p.name)
	}
	status, out, _ = call(t, "", "-help")
	require.Zero(t, status)
	require.Contains(t, out, "-service-per-token")
}

// Every named policy is valid for every kind of model.
func TestPoliciesAreValid(t *testing.T) {
	list := make([]string, len(policies))
	for i, p := range policies {
		list[i] = p.name
	}
	for _, slots := range []string{"1", "16"} {
		status, _, log := call(t, burst, "-trace", "-", "-policy", strings.Join(list, ","), "-slots", slots, "-json")
		require.Zero(t, status, log)
	}
}

// The synthetic day is what it says: 20 models, a day, the same every time.
func TestSynthetic(t *testing.T) {
	require.Equal(t, synthetic(), synthetic())
	status, out, log := call(t, "", "-thin", "0.01", "-policy", "seldon-lag", "-json")
	require.Zero(t, status, log)
	var j jsonReport
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	require.Equal(t, syntheticName, j.Trace.Name)
	require.Equal(t, 86400.0, j.Trace.Seconds)
	require.InDelta(t, 20, j.Trace.Models, 3, "a sparse one may lose all its requests")
}

// Every published trace replays, ten minutes of it, under every policy.
func TestPublishedTracesReplay(t *testing.T) {
	dir := datatest.Dir(t, *traces, "traces")
	files, err := filepath.Glob(filepath.Join(dir, "*.csv.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no *.csv.gz in %s", dir)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			status, out, log := call(t, "", "-trace", file, "-to", "10m", "-warmup", "2m", "-json")
			require.Zero(t, status, log)
			var j jsonReport
			require.NoError(t, json.Unmarshal([]byte(out), &j))
			require.Positive(t, j.Trace.Requests)
			for _, r := range j.Runs {
				require.True(t, r.Violations >= 0 && r.Violations <= 100 && r.ReplicaHours >= j.WorkBound*(1-r.Violations/100)-1e-9, "%+v", r)
			}
		})
	}
}
