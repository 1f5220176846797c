package trace

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSeconds is the latest time that a row may have, from whatever start.
const maxSeconds = 4e9

// blankModel is what requests of a blank model are under.
const blankModel = "(blank)"

// The most requests that one row may stand for, and the most tokens of one.
const (
	maxCount  = 1e7
	maxTokens = 1e9
)

// A row is one line of a trace.
type row struct {
	at      time.Duration // since the first row
	model   string
	count   int64 // requests; 1 in the schema with a row each
	in, out float64
	tokens  bool // in and out are known
	line    int
}

// rows reads a trace row by row.
type rows struct {
	name  string
	csv   *csv.Reader
	rates bool          // the schema with a row per step
	first time.Duration // as it stands in the file
	last  time.Duration
	any   bool
	line  int
	names map[string]string // each model's name once
}

var (
	requestHeader = []string{"timestamp_s", "model", "input_tokens", "output_tokens"}
	rateHeader    = []string{"t_s", "model", "requests"}
)

// readRows starts to read; name is for errors.
func readRows(name string, r io.Reader) (*rows, error) {
	buf, err := unzipped(name, r)
	if err != nil {
		return nil, err
	}
	t := &rows{name: name, csv: csv.NewReader(buf), names: map[string]string{}}
	t.csv.ReuseRecord = true
	t.csv.FieldsPerRecord = -1
	header, err := t.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: is empty, wants a header line", name)
	case err != nil:
		return nil, t.fault(1, "%v", reason(err))
	case slices.Equal(header, rateHeader):
		t.rates = true
	case !slices.Equal(header, requestHeader):
		return nil, t.fault(1, "header is %q, wants %q or %q",
			clip(strings.Join(header, ",")), strings.Join(requestHeader, ","), strings.Join(rateHeader, ","))
	}
	return t, nil
}

// next returns the next row, or io.EOF.
func (t *rows) next() (row, error) {
	rec, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return row{}, io.EOF
	}
	if err != nil {
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			return row{}, t.fault(parse.Line, "%v", reason(err))
		}
		return row{}, fmt.Errorf("%s: after line %d: %w", t.name, t.line, err)
	}
	line, _ := t.csv.FieldPos(0)
	t.line = line
	want := len(requestHeader)
	if t.rates {
		want = len(rateHeader)
	}
	if len(rec) != want {
		return row{}, t.fault(line, "%d fields, wants %d", len(rec), want)
	}
	r := row{line: line, count: 1}
	at, err := number(rec[0], maxSeconds)
	if err != nil {
		return row{}, t.fault(line, "time: %v", err)
	}
	r.at = time.Duration(math.Round(at * 1e9))
	if !t.any {
		t.any, t.first, t.last = true, r.at, r.at
	}
	if r.at < t.last {
		return row{}, t.fault(line, "time goes back: %v after %v seconds", at, t.last.Seconds())
	}
	t.last = r.at
	r.at -= t.first
	if r.model = t.names[rec[1]]; r.model == "" {
		r.model = cmp.Or(strings.Clone(rec[1]), blankModel)
		t.names[strings.Clone(rec[1])] = r.model
	}
	if t.rates {
		n, err := number(rec[2], maxCount)
		if err != nil || n != math.Trunc(n) {
			return row{}, t.fault(line, "requests: %q is no whole number in [0, %g]", clip(rec[2]), float64(maxCount))
		}
		r.count = int64(n)
		return r, nil
	}
	if rec[2] == "" && rec[3] == "" {
		return r, nil
	}
	r.tokens = true
	if r.in, err = number(rec[2], maxTokens); err != nil {
		return row{}, t.fault(line, "input_tokens: %v", err)
	}
	if r.out, err = number(rec[3], maxTokens); err != nil {
		return row{}, t.fault(line, "output_tokens: %v", err)
	}
	return r, nil
}

// unzipped reads what may be compressed.
func unzipped(name string, r io.Reader) (*bufio.Reader, error) {
	buf := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := buf.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(buf)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		buf = bufio.NewReaderSize(z, 1<<16)
	}
	return buf, nil
}

func (t *rows) fault(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", t.name, line, fmt.Sprintf(format, args...))
}

// number parses a number in [0, most].
func number(s string, most float64) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= 0 && x <= most) {
		return 0, fmt.Errorf("%q is no number in [0, %g]", clip(s), most)
	}
	return x, nil
}

// reason strips the position that a csv error carries; ours stands in front.
func reason(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}

// clip keeps an error to one readable line.
func clip(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return s
}
