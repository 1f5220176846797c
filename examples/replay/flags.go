package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/coordinator/sim/trace"
)

// settings are the flags, as given or by default.
type settings struct {
	trace, policy, perToken, table, html string
	service, wait, tick, start, boot     span
	from, to, step, warmup               span
	cv, thin                             float64
	slots, low, high                     int
	seed                                 uint64
	json, quiet, list, clairvoyant       bool

	compare, bound, untold  bool
	sweep, servers          string
	serverSlots             int
	serverMemory            int64
	overcommit              float64
	seeds                   int
	limit                   int64
	faults                  sim.Faults
	delay                   span
	promKind, promLabel     string
	bench, out, only, today string
}

// span is a time given as a Go duration or as plain seconds.
type span time.Duration

func (s *span) String() string { return time.Duration(*s).String() }

func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		x, errNumber := strconv.ParseFloat(text, 64)
		if errNumber != nil || math.IsNaN(x) || math.Abs(x) > 9e9 {
			return errors.New("is neither seconds nor a duration like 1m30s")
		}
		d = time.Duration(math.Round(x * 1e9))
	}
	*s = span(d)
	return nil
}

// parse reads the flags. The error is one line; flag.ErrHelp asks for usage.
func parse(args []string, usage io.Writer) (*settings, error) {
	s := &settings{
		service: span(180 * time.Millisecond), wait: span(540 * time.Millisecond), tick: span(2 * time.Second),
		start: span(35 * time.Second), warmup: span(5 * time.Minute),
	}
	f := flag.NewFlagSet("replay", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.trace, "trace", "", "`FILE` to replay, CSV or gzip, - for standard input; by default a synthetic day that comes with it")
	f.StringVar(&s.policy, "policy", defaultPolicies, "policies to compare, comma-separated")
	f.BoolVar(&s.list, "policies", false, "list the policies and exit")
	f.Var(&s.service, "service-time", "mean `time` that a request keeps a slot busy")
	f.Float64Var(&s.cv, "service-cv", 0.5, "coefficient of variation of service times, lognormal; 0 is constant")
	f.StringVar(&s.perToken, "service-per-token", "", "`IN,OUT` seconds for each input and output token, instead of -service-time")
	f.StringVar(&s.table, "service-table", "", "`FILE` with columns model and mean_s; -service-time is for models that are absent")
	f.IntVar(&s.slots, "slots", 1, "requests that a replica serves at once")
	f.Var(&s.wait, "wait", "the longest `time` that a request may wait for a slot: the SLO")
	f.Var(&s.tick, "tick", "`time` between plans")
	f.Var(&s.start, "start", "`time` that a model takes to load")
	f.Var(&s.boot, "boot", "`time` that a server takes to start")
	f.Var(&s.warmup, "warmup", "`time` at the start that counts for nothing")
	f.Var(&s.from, "from", "`time` of the trace to start at")
	f.Var(&s.to, "to", "`time` of the trace to end at; by default its end")
	f.Var(&s.step, "step", "`time` that a row of a trace of rates stands for; by default told from the rows")
	f.Float64Var(&s.thin, "thin", 1, "share of requests to keep, in (0, 1]")
	f.IntVar(&s.low, "min", 1, "replicas of each model at least")
	f.IntVar(&s.high, "max", 10000, "replicas of each model at most")
	f.Uint64Var(&s.seed, "seed", 1, "of all draws")
	f.BoolVar(&s.clairvoyant, "clairvoyant", false, "also find a cheap schedule that knows the future and misses at most 0.1 %")
	f.BoolVar(&s.bound, "bound", false, "also find the proven lower bound for that, and the best counts that never change")
	f.BoolVar(&s.compare, "compare", false, "compare all peers, -clairvoyant and -bound; the policies are those of -policy if given")
	f.StringVar(&s.sweep, "sweep", "", "`NAME` or NAME=V1,V2,...: one policy with its one knob at several values; known are "+knobNames())
	f.IntVar(&s.seeds, "seeds", 1, "replay so many seeds from -seed on, and say how far means can be trusted")
	f.StringVar(&s.servers, "servers", "", "`SLOTS,MEMORY` of servers that all models share: requests served at once, copies held")
	f.Float64Var(&s.overcommit, "overcommit", 0, "share by which copies on a shared server may exceed its memory")
	f.Int64Var(&s.limit, "limit", 0, "replicas of all models together, shared out by a budget; 0 is no limit")
	f.Float64Var(&s.faults.ServiceFactor, "wrong-service", 1, "what policies are told of service times, as a share of the truth")
	f.Var(&s.delay, "metric-delay", "`time` by which metrics are late")
	f.Float64Var(&s.faults.MetricLoss, "metric-loss", 0, "share of seconds whose metrics are lost, in [0, 1)")
	f.Float64Var(&s.faults.FailedStarts, "failed-starts", 0, "share of loads that fail, in [0, 1)")
	f.Float64Var(&s.faults.SlowStarts, "slow-starts", 0, "share of loads that are slow, in [0, 1]")
	f.Float64Var(&s.faults.SlowFactor, "slow-factor", 3, "how many times -start a slow load takes, >= 1")
	f.BoolVar(&s.untold, "untold", false, "nobody is told -start and -boot, they are learned")
	f.StringVar(&s.promKind, "prometheus", "auto", "what a range query's values are: rate, counter, or auto")
	f.StringVar(&s.promLabel, "prometheus-label", "", "`LABEL` of a range query that names the model")
	f.StringVar(&s.bench, "bench", "", "`FOLDER` of published traces to run all benchmarks on")
	f.StringVar(&s.out, "out", "", "`FILE` for the report of -bench")
	f.StringVar(&s.only, "only", "", "parts of -bench to run, comma-separated; known are "+partNames())
	f.StringVar(&s.today, "date", "", "`DATE` that the report of -bench bears; by default today's")
	f.BoolVar(&s.json, "json", false, "print one JSON object instead of the table")
	f.StringVar(&s.html, "html", "", "`FILE` to write a report to, one page that needs no network")
	f.BoolVar(&s.quiet, "quiet", false, "show no progress")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(usage, "replay replays a recorded workload under scaling policies and says what each would have cost and missed.")
			f.SetOutput(usage)
			f.PrintDefaults()
			return nil, flag.ErrHelp
		}
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: a trace is given with -trace", f.Arg(0))
	}
	return s, s.check(f)
}

// check refuses combinations that make no sense.
func (s *settings) check(f *flag.FlagSet) error {
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	for _, pair := range [][2]string{
		{"service-per-token", "service-table"},
		{"service-per-token", "service-time"},
	} {
		if given[pair[0]] && given[pair[1]] {
			return fmt.Errorf("-%s and -%s exclude each other", pair[0], pair[1])
		}
	}
	s.faults.MetricDelay = time.Duration(s.delay)
	if s.compare {
		s.clairvoyant, s.bound = true, s.servers == ""
		if !given["policy"] && !given["sweep"] {
			s.policy = comparedPolicies
		}
	}
	switch {
	case given["sweep"] && given["policy"]:
		return errors.New("-sweep and -policy exclude each other")
	case given["sweep"] && s.sweep == "":
		return errors.New("-sweep needs the name of a policy")
	case s.seeds < 1 || s.seeds > 1000:
		return fmt.Errorf("-seeds must be in [1, 1000], is %d", s.seeds)
	case given["bench"] && s.bench == "":
		return errors.New("-bench needs the name of a folder")
	case (s.bench == "") != (s.out == ""):
		return errors.New("-bench and -out go together")
	case s.bench == "" && (given["only"] || given["date"]):
		return errors.New("-only and -date are for -bench")
	case given["wrong-service"] && !(s.faults.ServiceFactor > 0):
		return fmt.Errorf("-wrong-service must be > 0, is %v", s.faults.ServiceFactor)
	case s.servers != "" && !s.parseServers():
		return fmt.Errorf("-servers: %q is not SLOTS,MEMORY, two whole numbers >= 1", s.servers)
	case given["servers"] && (s.servers == "" || s.bound && !s.compare || s.limit > 0):
		return errors.New("-servers needs SLOTS,MEMORY, and goes with neither -bound nor -limit")
	case given["overcommit"] && (s.servers == "" || !(s.overcommit >= 0 && s.overcommit <= 100)):
		return errors.New("-overcommit must be in [0, 100] and needs -servers")
	case s.limit < 0 || given["limit"] && s.limit == 0:
		return fmt.Errorf("-limit must be >= 1, is %d", s.limit)
	case promKinds[s.promKind] == nil:
		return fmt.Errorf("-prometheus: %q is none of auto, rate and counter", s.promKind)
	case given["to"] && s.to <= s.from:
		return fmt.Errorf("-to %v must be after -from %v", time.Duration(s.to), time.Duration(s.from))
	case s.from < 0:
		return fmt.Errorf("-from must be >= 0, is %v", time.Duration(s.from))
	case given["step"] && s.step <= 0:
		return fmt.Errorf("-step must be > 0, is %v", time.Duration(s.step))
	case given["thin"] && !(s.thin > 0 && s.thin <= 1):
		return fmt.Errorf("-thin must be in (0, 1], is %v", s.thin)
	case s.high < 1 || s.high < s.low:
		return fmt.Errorf("-max must be >= 1 and >= -min %d, is %d", s.low, s.high)
	case given["html"] && s.html == "":
		return errors.New("-html needs the name of a file")
	case given["trace"] && s.trace == "":
		return errors.New("-trace needs the name of a file, or -")
	case s.slots < 1 || s.slots > 1e6:
		return fmt.Errorf("-slots must be in [1, 1e6], is %d", s.slots)
	case s.tick <= 0:
		return fmt.Errorf("-tick must be > 0, is %v", time.Duration(s.tick))
	case s.low < 0:
		return fmt.Errorf("-min must be >= 0, is %d", s.low)
	case !(s.cv >= 0 && s.cv <= 100):
		return fmt.Errorf("-service-cv must be in [0, 100], is %v", s.cv)
	case s.service <= 0:
		return fmt.Errorf("-service-time must be > 0, is %v", time.Duration(s.service))
	}
	for _, x := range []struct {
		name string
		at   span
	}{{"wait", s.wait}, {"start", s.start}, {"boot", s.boot}, {"warmup", s.warmup}} {
		if x.at < 0 {
			return fmt.Errorf("-%s must be >= 0, is %v", x.name, time.Duration(x.at))
		}
	}
	if s.bench != "" {
		return s.checkBench()
	}
	return s.checkPage()
}

// checkPage refuses a page that could not be written, or would be written over
// what is read.
func (s *settings) checkPage() error {
	if s.html == "" {
		return nil
	}
	if dir, err := os.Stat(filepath.Dir(s.html)); err != nil {
		return fmt.Errorf("-html: %w", err)
	} else if !dir.IsDir() {
		return fmt.Errorf("-html: %s is no folder", filepath.Dir(s.html))
	}
	page, err := os.Stat(s.html)
	if err != nil {
		return nil // it is new
	}
	if page.IsDir() {
		return fmt.Errorf("-html: %s is a folder", s.html)
	}
	for _, name := range []string{s.trace, s.table} {
		if read, err := os.Stat(name); err == nil && os.SameFile(page, read) {
			return fmt.Errorf("-html would overwrite %s", name)
		}
	}
	return nil
}

// parseServers reads -servers.
func (s *settings) parseServers() bool {
	slots, memory, found := strings.Cut(s.servers, ",")
	n, errSlots := strconv.Atoi(slots)
	m, errMemory := strconv.ParseInt(memory, 10, 64)
	s.serverSlots, s.serverMemory = n, m
	return found && errSlots == nil && errMemory == nil && n >= 1 && m >= 1
}

var promKinds = map[string]*trace.PrometheusKind{
	"auto": new(trace.PrometheusKind), "rate": promKind(trace.PrometheusRate), "counter": promKind(trace.PrometheusCounter),
}

func promKind(k trace.PrometheusKind) *trace.PrometheusKind { return &k }
