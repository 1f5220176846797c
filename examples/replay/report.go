package main

import (
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
	*found
	trace    *trace.Trace
	settings *settings
	results  []sim.Result // of the first seed
}

// name is what the trace is called in reports: its file, without the folder.
func (r *report) name() string { return filepath.Base(r.trace.Name) }

// table is the report for people.
func (r *report) table(out io.Writer) error {
	s := r.settings
	fmt.Fprintf(out, "%s: %d requests, %d models, %v; waits up to %v allowed\n",
		r.name(), r.requests, r.models, r.length, time.Duration(s.wait))
	seeds := ""
	if s.seeds > 1 {
		seeds = fmt.Sprintf("; means of %d seeds with their 95 %% confidence intervals, the rest of the first", s.seeds)
	}
	fmt.Fprintf(out, "replayed in %.1f s%s\n\n", r.took.Seconds(), seeds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	head, vCost := "", 0.0
	if len(r.v) > 0 {
		head = "cost/V\t"
		vCost, _ = r.vCost()
	}
	front := map[int]bool{}
	if s.sweep != "" {
		head += "frontier\t"
		for _, i := range sim.Frontier(r.points()) {
			front[i] = true
		}
	}
	fmt.Fprintln(w, "policy\tmissed %\tworst model %\tp50 wait\tp99\tp99.9\treplica-h\tserver-h\tchurn\tpeak\t"+head)
	for i := range r.results {
		x := &r.results[i]
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%s\t%s\t%s\t%.1f\t%d\t%d\t", x.Policy, r.with(i, missed, 3), r.estimate(i, worst).Mean,
			short(x.WaitP50), short(x.WaitP99), short(x.WaitP999), r.with(i, cost, 1), x.ServerHours, x.Churn, x.PeakReplicas)
		if vCost > 0 {
			fmt.Fprintf(w, "%.3f\t", r.estimate(i, cost).Mean/vCost)
		}
		if s.sweep != "" {
			fmt.Fprintf(w, "%s\t", map[bool]string{true: "*"}[front[i]])
		}
		fmt.Fprintln(w)
	}
	if len(r.v) > 0 {
		hours, percent := r.vCost()
		fmt.Fprintf(w, "clairvoyant\t%.3f\t\t\t\t\t%.1f\t\t\t\t\n", percent, hours)
	}
	if r.static != nil {
		fmt.Fprintf(w, "best static\t%.3f\t\t\t\t\t%.1f\t\t\t\t\n", r.static.Percent(), r.static.ReplicaHours)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nno schedule that serves all costs less than %.1f replica-hours\n", r.results[0].WorkBoundReplicaHours)
	if r.bound > 0 {
		fmt.Fprintf(out, "no schedule that serves %g %% in time costs less than %.1f: proven\n", 100*reference, r.bound)
	}
	fmt.Fprintln(out)
	return r.sparklines(out)
}

// with is a figure, with its confidence interval if there are several seeds.
func (r *report) with(setup int, of func(*sim.Result) float64, decimals int) string {
	e := r.estimate(setup, of)
	if e.N < 2 {
		return fmt.Sprintf("%.*f", decimals, e.Mean)
	}
	return fmt.Sprintf("%.*f ± %.*f", decimals, e.Mean, decimals, e.Half)
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
