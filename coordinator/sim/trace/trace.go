package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Trace is a recorded workload that was read through once. Open it to replay
// it. It is safe for concurrent use.
type Trace struct {
	Name     string        // for errors and reports
	Rates    bool          // rows are counts per step, not requests
	Step     time.Duration // of Rates
	Requests int64
	Models   []string      // in order of first appearance
	Length   time.Duration // to the end of the last step, or the last request rounded up to a second
	Tokens   bool          // every row has tokens

	open   func() (io.ReadCloser, error)
	tokens map[string]*meanTokens
}

// meanTokens sums the tokens of a model's rows, and its requests.
type meanTokens struct{ n, in, out, requests float64 }

// Scan reads a trace through, checks every row, and learns what replaying needs
// to know. open is called now and again by each Replay. step is that of a trace
// of rates; 0 tells it from the times. JSON is read as ScanPrometheus does. The
// error names the file, the line and what is wrong there.
func Scan(name string, step time.Duration, open func() (io.ReadCloser, error)) (*Trace, error) {
	in, err := open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	buf, err := unzipped(name, in)
	if err != nil {
		return nil, err
	}
	start, _ := buf.Peek(512)
	if start = bytes.TrimLeft(start, " \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		return ScanPrometheus(name, Prometheus{Step: step}, open)
	}
	rows, err := readRows(name, buf)
	if err != nil {
		return nil, err
	}
	if step > 0 && !rows.rates {
		return nil, fmt.Errorf("%s: has a row per request: a step makes no sense", name)
	}
	t := &Trace{Name: name, Rates: rows.rates, Tokens: !rows.rates, open: open, tokens: map[string]*meanTokens{}}
	var grid, least, last time.Duration
	for {
		r, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if gap := r.at - last; gap > 0 {
			grid = gcd(grid, gap)
			if least == 0 || gap < least {
				least = gap
			}
		}
		if step > 0 && r.at%step != 0 {
			return nil, rows.fault(r.line, "%v s is not on the grid of %v", r.at.Seconds(), step)
		}
		last = r.at
		t.Requests += r.count
		t.Tokens = t.Tokens && r.tokens
		m := t.tokens[r.model]
		if m == nil {
			m = &meanTokens{}
			t.tokens[r.model] = m
			t.Models = append(t.Models, r.model)
		}
		m.n++
		m.requests += float64(r.count)
		m.in += r.in
		m.out += r.out
	}
	if len(t.Models) == 0 {
		return nil, fmt.Errorf("%s: has no rows", name)
	}
	if !t.Rates {
		t.Tokens = t.Tokens && t.Requests > 0
		t.Length = (last + time.Second).Truncate(time.Second)
		return t, nil
	}
	if step == 0 && grid != least {
		return nil, fmt.Errorf("%s: times are not evenly spaced: rows are %v apart and more, on a grid of %v; give the step", name, least, grid)
	}
	if step == 0 {
		step = grid
	}
	if step == 0 {
		return nil, fmt.Errorf("%s: all rows are of one time, which does not tell the step: give it", name)
	}
	t.Step, t.Length = step, last+step
	return t, nil
}

func gcd(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Has reports whether the trace has a row of the model.
func (t *Trace) Has(model string) bool { return slices.Contains(t.Models, model) }
