// Replay runs a recorded workload through scaling policies and says what each
// would have cost and missed.
//
//	go run ./examples/replay
//	go run ./examples/replay -trace requests.csv.gz -policy hpa-rate-70,seldon-lag -html report.html
//	go run ./examples/replay -trace query_range.json -compare -html report.html
//	go run ./examples/replay -trace requests.csv.gz -sweep hpa-rate -seeds 3
//	go run ./examples/replay -trace requests.csv.gz -servers 4,3 -failed-starts 0.05 -metric-delay 15s
//	go run ./examples/replay -bench $BELLOWS_DATA/traces -out examples/replay/BENCHMARKS.md
//
// A trace is a CSV file of requests or of counts, plain or gzip, or the JSON
// answer to a Prometheus range query of your own:
//
//	curl -G $PROMETHEUS/api/v1/query_range --data-urlencode 'query=sum by (model) (rate(requests_total[1m]))' \
//	  -d start=... -d end=... -d step=60 > query_range.json
//
// Flags: go run ./examples/replay -help. How the simulation counts: package sim.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/coordinator/sim/trace"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main: it returns the exit status, 2 for bad input and 1 for output
// that could not be written.
func run(args []string, in io.Reader, out, log io.Writer) int {
	s, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && s.list {
		for _, p := range policies {
			if _, err := fmt.Fprintf(out, "%-12s %s\n", p.name, p.what); err != nil {
				fmt.Fprintf(log, "replay: %v\n", err)
				return 1
			}
		}
		return 0
	}
	var r *report
	switch {
	case err != nil:
	case s.bench != "":
		err = bench(s, log)
		if err == nil {
			return 0
		}
	default:
		r, err = replay(s, in, log)
	}
	if err != nil {
		fmt.Fprintf(log, "replay: %v\n", firstLine(err))
		return 2
	}
	if err := publish(r, s, out); err != nil {
		fmt.Fprintf(log, "replay: %v\n", err)
		return 1
	}
	return 0
}

// replay does the work.
func replay(s *settings, in io.Reader, log io.Writer) (*report, error) {
	st, cleanUp, err := s.study(in)
	if err != nil {
		return nil, err
	}
	defer cleanUp()
	bar := newProgress(log, s.quiet)
	f, err := st.run(bar)
	bar.clear()
	if err != nil {
		return nil, err
	}
	return &report{trace: st.trace, settings: s, found: f, results: f.results[0]}, nil
}

// study is what the flags ask for. cleanUp is called when it is over.
func (s *settings) study(in io.Reader) (st *study, cleanUp func(), err error) {
	runs, err := setups(s.policy, s.faults.ServiceFactor != 1)
	if s.sweep != "" {
		runs, err = swept(s.sweep)
	}
	if err != nil {
		return nil, nil, err
	}
	service, err := s.serviceOf()
	if err != nil {
		return nil, nil, err
	}
	t, cleanUp, err := open(s, in)
	if err != nil {
		return nil, nil, err
	}
	st = &study{
		trace: t, setups: runs, seeds: s.seeds, v: s.clairvoyant, refs: s.bound,
		draw: trace.Options{Seed: s.seed, From: time.Duration(s.from), To: time.Duration(s.to), Thin: s.thin, Service: service},
		options: sim.Options{
			Slots: s.slots, Wait: time.Duration(s.wait), Tick: time.Duration(s.tick),
			Start: time.Duration(s.start), Boot: time.Duration(s.boot), Warmup: time.Duration(s.warmup),
			Min: s.low, Max: s.high, Limit: s.limit, Faults: s.faults, Untold: s.untold, Points: sparkWidth,
		},
	}
	if s.html != "" {
		st.options.Points, st.options.Decisions = htmlPoints, htmlDecisionsKept
	}
	if s.servers != "" {
		st.share(s.serverSlots, s.serverMemory, s.overcommit, service)
	}
	return st, cleanUp, nil
}

// open reads the trace through. What cannot be read twice, standard input or a
// pipe, is kept in a file until then.
func open(s *settings, in io.Reader) (t *trace.Trace, cleanUp func(), err error) {
	cleanUp = func() {}
	name, path := s.trace, s.trace
	switch s.trace {
	case "":
		data := synthetic()
		t, err = scan(s, syntheticName, func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data)), nil
		})
		return t, cleanUp, err
	case "-":
		name = "standard input"
		if path, err = spool(in); err != nil {
			return nil, cleanUp, err
		}
		cleanUp = func() { os.Remove(path) }
	default:
		info, err := os.Stat(path)
		if err != nil {
			return nil, cleanUp, err
		}
		if info.IsDir() {
			return nil, cleanUp, fmt.Errorf("%s: is a folder", path)
		}
		if !info.Mode().IsRegular() {
			pipe, err := os.Open(s.trace)
			if err != nil {
				return nil, cleanUp, err
			}
			defer pipe.Close()
			if path, err = spool(pipe); err != nil {
				return nil, cleanUp, err
			}
			cleanUp = func() { os.Remove(path) }
		}
	}
	t, err = scan(s, name, func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		cleanUp()
		return nil, func() {}, err
	}
	return t, cleanUp, nil
}

// scan reads a trace of any kind.
func scan(s *settings, name string, open func() (io.ReadCloser, error)) (*trace.Trace, error) {
	if s.promKind != "auto" || s.promLabel != "" {
		return trace.ScanPrometheus(name, trace.Prometheus{Kind: *promKinds[s.promKind], Label: s.promLabel, Step: time.Duration(s.step)}, open)
	}
	return trace.Scan(name, time.Duration(s.step), open)
}

// spool copies what can be read once into a file, and returns its name.
func spool(in io.Reader) (path string, err error) {
	f, err := os.CreateTemp("", "replay-*.csv")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, in)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// publish writes what was asked for. A page appears only when it is complete.
func publish(r *report, s *settings, out io.Writer) error {
	if s.html != "" {
		if err := writeWhole(s.html, r.html); err != nil {
			return err
		}
	}
	if s.json {
		return r.json(out)
	}
	return r.table(out)
}

// writeWhole writes a file beside its place and moves it there.
func writeWhole(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".replay-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// firstLine keeps what users see to one line: joined errors follow each other.
func firstLine(err error) string {
	return string(bytes.ReplaceAll([]byte(err.Error()), []byte("\n"), []byte("; ")))
}
