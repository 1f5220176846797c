package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	switch {
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

// serviceOf makes the service times of the flags.
func (s *settings) serviceOf() (trace.Service, error) {
	out := trace.Service{Mean: time.Duration(s.service), CV: s.cv}
	if s.perToken != "" {
		in, rest, found := strings.Cut(s.perToken, ",")
		a, errIn := strconv.ParseFloat(in, 64)
		b, errOut := strconv.ParseFloat(rest, 64)
		if !found || errIn != nil || errOut != nil {
			return out, fmt.Errorf("-service-per-token: %q is not two numbers of seconds, IN,OUT", s.perToken)
		}
		out.PerToken = &trace.PerToken{In: a, Out: b}
	}
	if s.table != "" {
		table, err := readTable(s.table)
		if err != nil {
			return out, err
		}
		out.Table = table
	}
	return out, nil
}

// readTable reads mean service times by model.
func readTable(name string) (map[string]time.Duration, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows := csv.NewReader(in)
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: is empty, wants a header line", name)
	}
	if err != nil {
		return nil, tableFault(name, err)
	}
	model, mean := slices.Index(header, "model"), slices.Index(header, "mean_s")
	if model < 0 || mean < 0 {
		return nil, fmt.Errorf("%s:1: header is %q, wants columns model and mean_s", name, strings.Join(header, ","))
	}
	table := map[string]time.Duration{}
	for {
		rec, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return table, nil
		}
		if err != nil {
			return nil, tableFault(name, err)
		}
		line, _ := rows.FieldPos(0)
		x, err := strconv.ParseFloat(rec[mean], 64)
		switch {
		case err != nil || !(x > 0 && x <= 1e6):
			return nil, fmt.Errorf("%s:%d: mean_s: %q is no number of seconds in (0, 1e6]", name, line, rec[mean])
		case table[rec[model]] != 0:
			return nil, fmt.Errorf("%s:%d: %q stands twice", name, line, rec[model])
		}
		table[rec[model]] = time.Duration(x * 1e9)
	}
}

// tableFault puts the line of a CSV error where it stands in all others.
func tableFault(name string, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%s:%d: %w", name, parse.Line, parse.Err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
