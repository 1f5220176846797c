package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/coordinator/sim/trace"
)

// report is everything there is to tell of a replay.
type report struct {
	trace    *trace.Trace
	settings *settings
	requests int64
	models   int
	length   time.Duration
	results  []sim.Result
	took     time.Duration

	clairvoyant *sim.Schedule // nil if not asked for
}

// name is what the trace is called in reports: its file, without the folder.
func (r *report) name() string { return filepath.Base(r.trace.Name) }

// The JSON report. Field names are a contract.
type (
	jsonReport struct {
		Trace       jsonTrace        `json:"trace"`
		Settings    jsonSettings     `json:"settings"`
		Runs        []jsonRun        `json:"runs"`
		Clairvoyant *jsonClairvoyant `json:"clairvoyant"`
		WorkBound   float64          `json:"work_bound_replica_hours"`
	}
	jsonTrace struct {
		Name     string  `json:"name"`
		Requests int64   `json:"requests"`
		Models   int     `json:"models"`
		Seconds  float64 `json:"seconds"`
	}
	jsonSettings struct {
		Service  *float64 `json:"service_time_s"` // null where it is per token
		CV       float64  `json:"service_cv"`
		PerToken string   `json:"service_per_token,omitempty"`
		Table    string   `json:"service_table,omitempty"`
		Slots    int      `json:"slots"`
		Wait     float64  `json:"wait_s"`
		Tick     float64  `json:"tick_s"`
		Start    float64  `json:"start_s"`
		Boot     float64  `json:"boot_s"`
		Warmup   float64  `json:"warmup_s"`
		From     float64  `json:"from_s"`
		To       float64  `json:"to_s"`
		Step     float64  `json:"step_s,omitempty"`
		Thin     float64  `json:"thin"`
		Min      int      `json:"min"`
		Max      int      `json:"max"`
		Seed     uint64   `json:"seed"`
	}
	jsonRun struct {
		Policy       string  `json:"policy"`
		Violations   float64 `json:"violations_pct"`
		WorstModel   float64 `json:"worst_model_pct"`
		P50          float64 `json:"wait_p50_s"`
		P99          float64 `json:"wait_p99_s"`
		P999         float64 `json:"wait_p999_s"`
		ReplicaHours float64 `json:"replica_hours"`
		ServerHours  float64 `json:"server_hours"`
		Churn        int64   `json:"churn"`
		Peak         int     `json:"peak_replicas"`
		Unserved     int64   `json:"unserved"`
	}
	jsonClairvoyant struct {
		Violations   float64 `json:"violations_pct"`
		ReplicaHours float64 `json:"replica_hours"`
	}
)

func (r *report) json(out io.Writer) error {
	s := r.settings
	sec := func(d span) float64 { return time.Duration(d).Seconds() }
	j := jsonReport{
		Trace: jsonTrace{r.name(), r.requests, r.models, r.length.Seconds()},
		Settings: jsonSettings{
			CV: s.cv, PerToken: s.perToken, Table: s.table, Slots: s.slots, Wait: sec(s.wait),
			Tick: sec(s.tick), Start: sec(s.start), Boot: sec(s.boot), Warmup: sec(s.warmup), From: sec(s.from),
			To: (time.Duration(s.from) + r.length).Seconds(), Step: r.trace.Step.Seconds(), Thin: s.thin,
			Min: s.low, Max: s.high, Seed: s.seed,
		},
		WorkBound: r.results[0].WorkBoundReplicaHours,
	}
	for i := range r.results {
		x := &r.results[i]
		j.Runs = append(j.Runs, jsonRun{
			x.Policy, x.Percent(), x.WorstModelPercent, x.WaitP50.Seconds(), x.WaitP99.Seconds(), x.WaitP999.Seconds(),
			x.ReplicaHours, x.ServerHours, x.Churn, x.PeakReplicas, x.Unserved,
		})
	}
	if c := r.clairvoyant; c != nil {
		j.Clairvoyant = &jsonClairvoyant{c.Percent(), c.ReplicaHours}
	}
	if mean := sec(s.service); s.perToken == "" {
		j.Settings.Service = &mean
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(j)
}

// table is the report for people.
func (r *report) table(out io.Writer) error {
	fmt.Fprintf(out, "%s: %d requests, %d models, %v; waits up to %v allowed\n",
		r.name(), r.requests, r.models, r.length, time.Duration(r.settings.wait))
	fmt.Fprintf(out, "replayed in %.1f s\n\n", r.took.Seconds())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "policy\tmissed %\tworst model %\tp50 wait\tp99\tp99.9\treplica-h\tserver-h\tchurn\tpeak\t")
	for i := range r.results {
		x := &r.results[i]
		fmt.Fprintf(w, "%s\t%.3f\t%.2f\t%s\t%s\t%s\t%.1f\t%.1f\t%d\t%d\t\n", x.Policy, x.Percent(), x.WorstModelPercent,
			short(x.WaitP50), short(x.WaitP99), short(x.WaitP999), x.ReplicaHours, x.ServerHours, x.Churn, x.PeakReplicas)
	}
	if c := r.clairvoyant; c != nil {
		fmt.Fprintf(w, "clairvoyant\t%.3f\t\t\t\t\t%.1f\t\t\t\t\n", c.Percent(), c.ReplicaHours)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nno schedule that serves all costs less than %.1f replica-hours\n\n", r.results[0].WorkBoundReplicaHours)
	return r.sparklines(out)
}

// short is a wait in at most seven characters.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// sparkWidth is how many characters a sparkline has.
const sparkWidth = 72

// sparklines draws the load, in replicas' worth of work, and the ready replicas
// under each policy, all to one scale.
func (r *report) sparklines(out io.Writer) error {
	all := make([]sim.Series, len(r.results))
	top := 0.0
	for i := range r.results {
		all[i] = r.results[i].History.All
		for j := range all[i].Load {
			top = max(top, all[i].Load[j], all[i].Ready[j])
		}
	}
	line := func(name string, values []float64) error {
		_, err := fmt.Fprintf(out, "%12s %s\n", name, spark(values, top))
		return err
	}
	err := line("load", all[0].Load)
	for i := range all {
		if err == nil {
			err = line(r.results[i].Policy, all[i].Ready)
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "%12s full height: %.0f replicas\n", "", top)
	}
	return err
}

var sparks = []rune(" ▁▂▃▄▅▆▇█")

func spark(values []float64, top float64) string {
	groups := min(sparkWidth, len(values))
	line := make([]rune, groups)
	for i := range line {
		from, to := i*len(values)/groups, (i+1)*len(values)/groups
		sum := 0.0
		for _, v := range values[from:to] {
			sum += v
		}
		height := 0.0
		if top > 0 {
			height = sum / float64(to-from) / top * float64(len(sparks)-1)
		}
		line[i] = sparks[min(int(math.Ceil(height)), len(sparks)-1)]
	}
	return string(line)
}
