package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bellows-go/bellows/coordinator/sim"
)

func policyFlag(names []string) []string { return []string{"-policy", strings.Join(names, ",")} }

// isolated shows every trace alone, then what holds of all.
func (b *bencher) isolated() error {
	for i := range b.rows {
		r := &b.rows[i]
		if r.held {
			continue
		}
		got, err := b.show(r, b.compared(r, policyFlag(b.names())...))
		if err != nil {
			return err
		}
		v, _ := got.vCost()
		for i, p := range got.points() {
			b.figures = append(b.figures, figure{r.title(), got.results[i].Policy, r.smooth, p, v})
		}
	}
	b.summary()
	return nil
}

// held shows what the isolated part leaves out.
func (b *bencher) held() error {
	for i := range b.rows {
		if r := &b.rows[i]; r.held {
			if _, err := b.show(r, b.compared(r, policyFlag(b.names())...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// show shows all that a command line tells of one trace.
func (b *bencher) show(r *row, args []string) (*report, error) {
	got, err := b.study(r, args)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b.out, "### %s\n\n", r.title())
	b.command(r, args)
	b.table(got)
	return got, b.row()
}

// baseline is what policies are compared with in the summary.
const baseline = "hpa-rate-70"

// summary says what holds of all traces: geometric means, and where each policy
// is beaten by the baseline.
func (b *bencher) summary() {
	base := map[string]sim.Point{}
	for _, f := range b.figures {
		if f.policy == baseline {
			base[f.row] = f.point
		}
	}
	b.out.WriteString("### All traces together\n\nGeometric means of cost / V, over the smooth traces (faro, azure_functions, worldcup) and over all; ")
	fmt.Fprintf(&b.out, "the mean of missed; how often a policy was better than `%s` in both or, where the difference is less than 0.05 points, in cost; and where it was no better in either.\n\n", baseline)
	b.out.WriteString("| policy | smooth | all | missed %, mean | better | no better |\n|---|--:|--:|--:|--:|---|\n")
	for _, name := range b.names() {
		var smooth, all, miss []float64
		better := 0
		var lost []string
		for _, f := range b.figures {
			if f.policy != name {
				continue
			}
			ratio := math.Log(f.point.Cost / f.v)
			all = append(all, ratio)
			if f.smooth {
				smooth = append(smooth, ratio)
			}
			miss = append(miss, f.point.Missed)
			switch q := base[f.row]; {
			case name == baseline || q == (sim.Point{}):
			case f.point.Missed < q.Missed+0.05 && f.point.Cost < q.Cost:
				better++
			case f.point.Missed > q.Missed-0.05 && f.point.Cost >= q.Cost:
				lost = append(lost, f.row)
			}
		}
		mean := func(logs []float64) string {
			if len(logs) == 0 {
				return ""
			}
			return fmt.Sprintf("%.3f", math.Exp(sim.Estimated(logs).Mean))
		}
		fmt.Fprintf(&b.out, "| %s | %s | %s | %.3f | %d | %s |\n", name, mean(smooth), mean(all), sim.Estimated(miss).Mean, better, strings.Join(lost, "; "))
	}
	b.out.WriteString("\n")
}

// shared shows the traces that have settings for it on shared servers.
func (b *bencher) shared() error {
	for i := range b.rows {
		if r := &b.rows[i]; r.shared != nil {
			if _, err := b.show(r, b.compared(r, append(policyFlag(b.sharing()), r.shared...)...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sharing are the policies that can size servers.
func (b *bencher) sharing() (names []string) {
	for _, n := range b.names() {
		switch n {
		case "keda", "ray", "aibrix-apa", "hpa-cpu-80", "lag-track": // of single deployments
		default:
			names = append(names, n)
		}
	}
	return names
}

// limited shows the traces that have settings for it.
func (b *bencher) limited() error {
	for i := range b.rows {
		if r := &b.rows[i]; r.limited != nil {
			if _, err := b.show(r, b.args(r, append(policyFlag(b.limiting()), r.limited...)...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// limiting are the policies that a limit cuts: ours also by value.
func (b *bencher) limiting() []string {
	names := b.names()
	if i := slices.Index(names, "adaptive"); i >= 0 && !slices.Contains(names, byValue) {
		names = slices.Insert(names, i+1, byValue)
	}
	return names
}

// A variant is a world that differs from the usual one by some flags.
type variant struct {
	name string
	args []string
}

// flags are the variant's, as Markdown.
func (v *variant) flags() string {
	if len(v.args) == 0 {
		return "no flag"
	}
	return "`" + strings.Join(v.args, " ") + "`"
}

var faultVariants = []variant{
	{"none", nil},
	{"service × 0.7", []string{"-wrong-service", "0.7"}},
	{"service × 1.5", []string{"-wrong-service", "1.5"}},
	{"metrics 15 s late", []string{"-metric-delay", "15"}},
	{"20 % of seconds lost", []string{"-metric-loss", "0.2"}},
	{"5 % of starts fail", []string{"-failed-starts", "0.05"}},
	{"20 % of starts take 3 ×", []string{"-slow-starts", "0.2", "-slow-factor", "3"}},
}

var startVariants = []variant{
	{"5 s", []string{"-start", "5"}}, {"35 s", []string{"-start", "35"}}, {"120 s", []string{"-start", "120"}},
}

// faults shows the traces that are swept, under each fault.
func (b *bencher) faults() error { return b.variants(faultVariants) }

// starts shows the same with several start times.
func (b *bencher) starts() error { return b.variants(startVariants) }

func (b *bencher) variants(list []variant) error {
	for i := range b.rows {
		r := &b.rows[i]
		if !r.frontier {
			continue
		}
		names := b.names()
		cells := make([][]string, len(names))
		fmt.Fprintf(&b.out, "### %s\n\n", r.title())
		var args []string
		for _, v := range list {
			args = b.args(r, append(policyFlag(names), v.args...)...)
			got, err := b.study(r, args)
			if err != nil {
				return err
			}
			for j, p := range got.points() {
				cells[j] = append(cells[j], fmt.Sprintf("%.3f @ %s", p.Missed, sig(p.Cost)))
			}
		}
		b.command(r, args)
		head, line := "| missed % @ cost |", "|---|"
		var flags []string
		for _, v := range list {
			flags = append(flags, v.name+": "+v.flags())
			head += " " + v.name + " |"
			line += "--:|"
		}
		fmt.Fprintf(&b.out, "It gives the last column. The flags of each: %s.\n\n%s\n%s\n", strings.Join(flags, "; "), head, line)
		for j, n := range names {
			fmt.Fprintf(&b.out, "| %s | %s |\n", n, strings.Join(cells[j], " | "))
		}
		b.out.WriteString("\n")
		if err := b.row(); err != nil {
			return err
		}
	}
	return nil
}

// frontier sweeps the knobs of some policies.
func (b *bencher) frontier() error {
	for i := range b.rows {
		r := &b.rows[i]
		if !r.frontier {
			continue
		}
		fmt.Fprintf(&b.out, "### %s\n\n", r.title())
		var first *report
		for _, k := range knobs {
			args := b.compared(r, "-sweep", k.policy)
			run := args
			if first != nil {
				run = b.args(r, "-sweep", k.policy) // what it is compared with is known
			}
			got, err := b.study(r, run)
			if err != nil {
				return err
			}
			if first == nil {
				first = got
			}
			got.v, got.bound, got.static = first.v, first.bound, first.static
			fmt.Fprintf(&b.out, "#### %s: %s\n\n", k.policy, k.what)
			b.command(r, args)
			b.table(got)
			if err := b.row(); err != nil {
				return err
			}
		}
	}
	return nil
}
