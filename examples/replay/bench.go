package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
)

// A part of the benchmarks is one section of their report.
type part struct {
	name, title, about string
	write              func(*bencher) error
}

var parts []part

func init() { // parts and partNames would else wait for each other
	parts = []part{
		{"isolated", "Isolated models", "Each model is scaled alone, a start takes 35 s.", (*bencher).isolated},
		{"shared", "Shared servers", "All models share servers. Each policy sizes the servers on the sum of all streams and the copies of each model on its own; with seldon-lag the servers follow the copies. Cost is server-hours × slots of a server / slots of a replica; V needs no copies, churn and peak are of servers.", (*bencher).shared},
		{"limited", "Limited capacity", "All models together may have fewer replicas than most policies want; one max-min budget cuts every policy in the same way; where it says by value, each replica goes to the model for which it is worth most.", (*bencher).limited},
		{"faults", "Faults", "What is wrong is drawn from the seed and the same for every policy. Where service times are, adaptive is told one too, to begin with.", (*bencher).faults},
		{"starts", "Start times", "How long a model takes to load.", (*bencher).starts},
		{"frontier", "Frontier", "One knob of a policy turned: what it misses against what it costs. Single points can always be moved; curves cannot.", (*bencher).frontier},
		{"held", "Held out", "Traces of the same kinds that no table above shows.", (*bencher).held},
	}
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// benchSeeds is how many seeds stand behind each figure.
const benchSeeds = 3

// bencher writes the report.
type bencher struct {
	settings *settings
	rows     []row
	out      strings.Builder
	log      io.Writer
	began    time.Time
	figures  []figure                // of the isolated models, for the summary
	save     func(more string) error // writes the report as it stands, and says more of the part at hand
}

// unfinished is said of a part that was not run to its end.
const unfinished = " Not all of it: more rows were to come."

// row saves what there is after a row of a part.
func (b *bencher) row() error { return b.save(unfinished) }

// figure is one policy on one trace.
type figure struct {
	row, policy string
	smooth      bool
	point       sim.Point
	v           float64 // cost of the clairvoyant schedule
}

// bench runs all benchmarks and writes their report.
func bench(s *settings, log io.Writer) error {
	rows, unknown, err := rowsOf(s.bench)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("-bench: no trace of a known kind in %s", s.bench)
	}
	wanted, err := wantedParts(s.only)
	if err != nil {
		return err
	}
	date := s.today
	if date == "" {
		date = time.Now().UTC().Format(time.DateOnly)
	}
	sections, err := readSections(s.out)
	if err != nil {
		return err
	}
	b := &bencher{settings: s, rows: rows, log: log, began: time.Now()}
	for _, p := range wanted {
		b.out.Reset()
		began := time.Now()
		whole := sections[p.title] != "" && !strings.Contains(sections[p.title], unfinished)
		b.save = func(more string) error { // as it goes: what is long may be stopped
			if more != "" && whole {
				return nil // what stands is worth more
			}
			sections[p.title] = fmt.Sprintf("## %s\n\n%s Run on %s in %v with %d processors (%s, %s/%s), seeds 1 to %d; alone: `-only %s`.%s\n\n%s", p.title, p.about,
				date, time.Since(began).Round(time.Second), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH, b.seeds(), p.name, more, b.out.String())
			text := b.head(unknown)
			for _, p := range parts {
				text += sections[p.title]
			}
			return writeWhole(s.out, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		}
		err := p.write(b)
		if err == nil {
			err = b.save("")
		}
		if err != nil {
			return fmt.Errorf("-bench: %s: %w", p.name, err)
		}
	}
	return nil
}

// readSections reads the parts of a report that stand already, by title: those
// that are not run anew stay as they are.
func readSections(name string) (map[string]string, error) {
	sections := map[string]string{}
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return sections, nil
	}
	if err != nil {
		return nil, err
	}
	text := string(raw)
	if !strings.HasPrefix(text, reportTitle) {
		return nil, fmt.Errorf("-out: %s is no report of -bench, and would be overwritten", name)
	}
	for _, section := range strings.Split(text, "\n## ")[1:] {
		title, _, _ := strings.Cut(section, "\n")
		sections[title] = "## " + strings.TrimRight(section, "\n") + "\n\n"
	}
	return sections, nil
}

const reportTitle = "# Benchmarks\n"

func wantedParts(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	var out []part
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("-only: %q is unknown; known are %s", name, partNames())
		}
		out = append(out, parts[i])
	}
	return out, nil
}

// head is what stands before the tables.
func (b *bencher) head(unknown []string) string {
	var h strings.Builder
	more := ""
	if b.settings.policy != defaultPolicies {
		more += " -policy " + b.settings.policy
	}
	if b.settings.seeds > 1 {
		more += fmt.Sprintf(" -seeds %d", b.settings.seeds)
	}
	fmt.Fprintf(&h, reportTitle+`
What scaling policies cost and missed on published traces. Generated, do not edit:

    go run ./examples/replay -bench $BELLOWS_DATA/traces%s -out examples/replay/BENCHMARKS.md

Figures are means over several seeds, ± half the 95 %% confidence interval of the mean, or else of the first seed, where it says so; the
same seeds give the same figures everywhere. Each table says how to get it. Policies are told no start time; adaptive is told no service time either.

`, more)
	h.WriteString(`* **missed** is the share of requests that waited longer for a slot than allowed, or were never served, after the first five minutes.
* **cost** is replica-hours from the order of a load to removal; **V** is that of a schedule that knew the future and missed at most 0.1 %
  of all requests, those of the first five minutes included, found greedily; no schedule whatever that misses at most 0.1 % costs less than
  the **bound**, which is proven (first seed); **static** is the best count for each model that never changes, found in hindsight, for the
  same share (first seed); **work** is that of all requests on replicas that are never idle (first seed).
* **worst** is the share missed of the worst model with at least 200 requests; **churn** the sum of changes of desired counts; **peak** the
  most replicas at once, loading ones included (first seed).
* A row is marked † where another row of its table misses no more and costs no more, and one of both less.

| policy | what it does |
|---|---|
`)
	for _, p := range policies {
		if slices.Contains(b.limiting(), p.name) {
			fmt.Fprintf(&h, "| %s | %s |\n", p.name, p.what)
		}
	}
	if len(unknown) > 0 {
		fmt.Fprintf(&h, "\nNot replayed, as no settings are agreed for them: %s.\n", strings.Join(unknown, ", "))
	}
	h.WriteString("\n")
	return h.String()
}

// names are the policies compared.
func (b *bencher) names() []string {
	if b.settings.policy != defaultPolicies {
		return strings.Split(b.settings.policy, ",")
	}
	return strings.Split(comparedPolicies, ",")
}

func (b *bencher) seeds() int {
	if b.settings.seeds > 1 {
		return b.settings.seeds
	}
	return benchSeeds
}

// args are the command line for a row, with flags beside its own or instead.
func (b *bencher) args(r *row, flags ...string) []string {
	return append(r.flags(flags...), "-untold", "-seeds", fmt.Sprint(b.seeds()))
}

// compared is the command line that also finds what policies are compared with.
func (b *bencher) compared(r *row, flags ...string) []string {
	return append([]string{"-compare"}, b.args(r, flags...)...)
}

// study runs a command line of a row.
func (b *bencher) study(r *row, args []string) (*report, error) {
	fmt.Fprintf(b.log, "%8s %s %s\n", time.Since(b.began).Round(time.Second), r.title(), strings.Join(args, " "))
	s, err := parse(slices.Concat(args, []string{"-quiet", "-trace", r.file}), io.Discard)
	if err != nil {
		return nil, err
	}
	return replay(s, strings.NewReader(""), io.Discard)
}

// command shows the command line that gets a table.
func (b *bencher) command(r *row, args []string) {
	shown := slices.Clone(args)
	for i, x := range shown {
		if strings.HasSuffix(x, serviceTimes) {
			shown[i] = "$BELLOWS_DATA/traces/" + serviceTimes
		}
	}
	if i := slices.Index(shown, comparedPolicies); i > 0 && shown[0] == "-compare" { // which means them
		shown = slices.Delete(shown, i-1, i+1)
	}
	fmt.Fprintf(&b.out, "`go run ./examples/replay -trace $BELLOWS_DATA/traces/%s %s`\n\n", filepath.Base(r.file), strings.Join(shown, " "))
}

// table writes one row per policy.
func (b *bencher) table(r *report) {
	vCost, vMissed := r.vCost()
	fmt.Fprintf(&b.out, "%d requests, %d models, %v.", r.requests, r.models, r.length)
	if vCost > 0 {
		fmt.Fprintf(&b.out, " V %s at %.3f %%;", sig(vCost), vMissed)
		if r.bound > 0 {
			fmt.Fprintf(&b.out, " bound %s, %.0f %% of V;", sig(r.bound), 100*r.bound/vCost)
		}
	}
	if r.static != nil {
		fmt.Fprintf(&b.out, " static %s;", sig(r.static.ReplicaHours))
	}
	fmt.Fprintf(&b.out, " work %s.\n\n| policy | missed %% | cost | cost / V | worst %% | churn | peak |\n|---|--:|--:|--:|--:|--:|--:|\n", sig(r.results[0].WorkBoundReplicaHours))
	points := r.points()
	front := sim.Frontier(points)
	for i := range r.results {
		mark, ratio := "", ""
		if !slices.Contains(front, i) {
			mark = " †"
		}
		if vCost > 0 {
			ratio = fmt.Sprintf("%.3f", points[i].Cost/vCost)
		}
		m, c := r.estimate(i, missed), r.estimate(i, cost)
		fmt.Fprintf(&b.out, "| %s%s | %.3f ± %.3f | %s ± %s | %s | %.2f | %.0f | %d |\n", r.results[i].Policy, mark,
			m.Mean, m.Half, sig(c.Mean), sig(c.Half), ratio, r.estimate(i, worst).Mean, r.estimate(i, churn).Mean, r.results[i].PeakReplicas)
	}
	b.out.WriteString("\n")
}

// sig is a cost with as many decimals as are worth reading.
func sig(x float64) string {
	switch {
	case math.IsNaN(x):
		return "?"
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// checkBench refuses a folder that is none, before anything takes time.
func (s *settings) checkBench() error {
	info, err := os.Stat(s.bench)
	if err != nil {
		return fmt.Errorf("-bench: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("-bench: %s is no folder", s.bench)
	}
	if dir, err := os.Stat(filepath.Dir(s.out)); err != nil || !dir.IsDir() {
		return fmt.Errorf("-out: there is no folder %s", filepath.Dir(s.out))
	}
	return nil
}
