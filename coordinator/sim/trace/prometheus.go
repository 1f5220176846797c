package trace

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prometheus says how the answer to a Prometheus range query is read. The zero
// value tells everything from the answer.
type Prometheus struct {
	Kind PrometheusKind
	// Label is the label whose value is the model; series that share one are summed.
	// "" takes "model" if all series have it, else all labels in which they differ.
	Label string
	// Step is that of the query, whole milliseconds; 0 tells it from the times.
	Step time.Duration
}

// PrometheusKind says what the values of a range query are.
type PrometheusKind uint8

// The kinds of values.
const (
	// PrometheusAuto: counters if the series are named and end in _total or _count,
	// else rates, which have no name, as all that functions return.
	PrometheusAuto    PrometheusKind = iota
	PrometheusRate                   // requests per second, over the step up to the time
	PrometheusCounter                // requests since some start; a fall is a restart from zero
)

// The largest grid that an answer may span.
const (
	maxSteps = 5_000_000
	maxCells = 50_000_000 // models times steps
)

// ScanPrometheus reads the JSON answer to a range query (/api/v1/query_range, a
// matrix; also its data alone, or its result alone, as promtool prints it) as a
// trace of rates. What is missing of a rate, or NaN, is no request; what a counter
// misses is spread evenly over the gap. What comes before a counter's first value
// is not known and left out. Fractions of requests are carried over to the next
// step. The error names the file, the place in the document and what is wrong
// there.
func ScanPrometheus(name string, p Prometheus, open func() (io.ReadCloser, error)) (*Trace, error) {
	in, err := open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := unzipped(name, in)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	list, path, err := matrixOf(raw)
	if err == nil {
		var csv []byte
		if csv, p.Step, err = p.rates(list, path); err == nil {
			return Scan(name, p.Step, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(csv)), nil })
		}
	}
	return nil, fmt.Errorf("%s: %w", name, err)
}

// promSeries is one series of a matrix.
type promSeries struct {
	Metric     map[string]string
	Values     []json.RawMessage
	Histograms json.RawMessage
}

// matrixOf finds the series of an answer, and what their place is called.
func matrixOf(raw []byte) (list []promSeries, path string, err error) {
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return list, "", located(raw, json.Unmarshal(raw, &list))
	}
	type data struct {
		ResultType string
		Result     json.RawMessage
	}
	var a struct {
		data
		Status, ErrorType, Error string
		Data                     *data
	}
	if err := located(raw, json.Unmarshal(raw, &a)); err != nil {
		return nil, "", err
	}
	if a.Status != "" && a.Status != "success" {
		return nil, "", fmt.Errorf("the query failed: %s", clip(strings.Join(strings.Fields(a.Error+" "+a.ErrorType), " ")))
	}
	d, path := &a.data, "result"
	if a.Data != nil {
		d, path = a.Data, "data.result"
	}
	if d.ResultType != "matrix" {
		return nil, "", fmt.Errorf("is a result of type %q, wants the %q of a range query", clip(d.ResultType), "matrix")
	}
	if err := json.Unmarshal(d.Result, &list); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, oneLine(err))
	}
	return list, path, nil
}

// located puts the line of a JSON error in front.
func located(raw []byte, err error) error {
	at := int64(-1)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	default:
		return oneLine(err)
	}
	at = min(max(at, 0), int64(len(raw)))
	return fmt.Errorf("line %d: %w", 1+bytes.Count(raw[:at], []byte("\n")), oneLine(err))
}

func oneLine(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "\n", " ")) }

// promPoint is one value; times in milliseconds, as Prometheus has them.
type promPoint struct {
	at    int64
	value float64 // NaN: none
}

// rates turns series into rows of counts.
func (p Prometheus) rates(list []promSeries, path string) (csv []byte, step time.Duration, err error) {
	if p.Step < 0 || p.Step%time.Millisecond != 0 {
		return nil, 0, fmt.Errorf("the step must be whole milliseconds >= 0, is %v", p.Step)
	}
	if len(list) == 0 {
		return nil, 0, errors.New("the query found no series")
	}
	names, err := p.models(list, path)
	if err != nil {
		return nil, 0, err
	}
	points := make([][]promPoint, len(list))
	least, most, grid := int64(math.MaxInt64), int64(math.MinInt64), p.Step.Milliseconds()
	for i := range list {
		place := fmt.Sprintf("%s[%d]", path, i)
		if points[i], err = pointsOf(&list[i], place, p.counts(&list[i])); err != nil {
			return nil, 0, err
		}
		for j, x := range points[i] {
			least, most = min(least, x.at), max(most, x.at)
			if j > 0 && p.Step == 0 {
				grid = int64(gcd(time.Duration(grid), time.Duration(x.at-points[i][j-1].at)))
			}
		}
	}
	for i := range points { // series may begin at different times
		if len(points[i]) > 0 && p.Step == 0 {
			grid = int64(gcd(time.Duration(grid), time.Duration(points[i][0].at-least)))
		}
	}
	switch {
	case most < least:
		return nil, 0, errors.New("the series have no values")
	case grid <= 0:
		return nil, 0, errors.New("all values are of one time, which does not tell the step: give it")
	case (most-least)/grid >= maxSteps:
		return nil, 0, fmt.Errorf("the times lie on a grid of %v, %d steps and more: give the step", time.Duration(grid)*time.Millisecond, maxSteps)
	}
	counts := map[string][]float64{}
	steps := int((most-least)/grid) + 1
	if models := len(slices.Compact(slices.Sorted(slices.Values(names)))); models*steps > maxCells {
		return nil, 0, fmt.Errorf("%d models in %d steps are more than can be read: ask for fewer, or a longer step", models, steps)
	}
	for i := range list {
		place := fmt.Sprintf("%s[%d]", path, i)
		sum := counts[names[i]]
		if sum == nil {
			sum = make([]float64, steps)
			counts[names[i]] = sum
		}
		if err := addUp(sum, points[i], p.counts(&list[i]), least, grid, place); err != nil {
			return nil, 0, err
		}
	}
	csv, err = rowsOf(counts, steps, grid)
	return csv, time.Duration(grid) * time.Millisecond, err
}

// counts reports whether a series is a counter.
func (p Prometheus) counts(s *promSeries) bool {
	name := s.Metric["__name__"]
	return p.Kind == PrometheusCounter ||
		p.Kind == PrometheusAuto && (strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count"))
}

// pointsOf checks the values of a series.
func pointsOf(s *promSeries, place string, counter bool) (points []promPoint, err error) {
	if len(s.Values) == 0 && len(s.Histograms) > 0 {
		return nil, fmt.Errorf("%s: holds native histograms; query histogram_count(...) of them", place)
	}
	for j, raw := range s.Values {
		at := fmt.Sprintf("%s.values[%d]", place, j)
		var pair []json.RawMessage
		if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
			return nil, fmt.Errorf("%s: %s is no pair of a time and a value", at, clip(string(raw)))
		}
		seconds, err := number(string(pair[0]), maxSeconds)
		if err != nil {
			return nil, fmt.Errorf("%s: time: %w", at, err)
		}
		var text string
		if json.Unmarshal(pair[1], &text) != nil {
			text = string(pair[1]) // some exporters write plain numbers
		}
		x := promPoint{at: int64(math.Round(seconds * 1000))}
		x.value, err = strconv.ParseFloat(text, 64)
		switch {
		case err != nil || math.IsInf(x.value, 0) || x.value < 0:
			return nil, fmt.Errorf("%s: %q is no number >= 0", at, clip(text))
		case !counter && x.value > 1e12 || x.value > 1e15:
			return nil, fmt.Errorf("%s: %q is too large", at, clip(text))
		case len(points) > 0 && x.at <= points[len(points)-1].at:
			return nil, fmt.Errorf("%s: time does not go on: %v after %v seconds", at, seconds, float64(points[len(points)-1].at)/1000)
		}
		points = append(points, x)
	}
	return points, nil
}

// addUp adds a series to the counts of its model. Count i is of the step that
// begins i steps after least less one: what a value tells came before it.
func addUp(sum []float64, points []promPoint, counter bool, least, grid int64, place string) error {
	before := promPoint{value: math.NaN()}
	for j, x := range points {
		if (x.at-least)%grid != 0 {
			return fmt.Errorf("%s.values[%d]: %v s is not on the grid of %v from the first time on", place, j, float64(x.at)/1000, time.Duration(grid)*time.Millisecond)
		}
		if math.IsNaN(x.value) {
			continue
		}
		i := (x.at - least) / grid
		if !counter {
			sum[i] += x.value * float64(grid) / 1000
			continue
		}
		if !math.IsNaN(before.value) {
			added := x.value - before.value
			if added < 0 {
				added = x.value
			}
			first := (before.at-least)/grid + 1
			for k := first; k <= i; k++ {
				sum[k] += added / float64(i-first+1)
			}
		}
		before = x
	}
	return nil
}

// rowsOf writes counts as a trace, whole requests with the rest carried over. An
// empty first and last step are written, so that the trace is as long as the
// query.
func rowsOf(counts map[string][]float64, steps int, grid int64) ([]byte, error) {
	models := slices.Sorted(maps.Keys(counts))
	carried := make([]float64, len(models))
	var out bytes.Buffer
	out.WriteString(strings.Join(rateHeader, ",") + "\n")
	for i := range steps {
		for j, m := range models {
			x := counts[m][i] + carried[j]
			n := math.Floor(x + 1e-9)
			carried[j] = x - n
			if n > maxCount {
				return nil, fmt.Errorf("%s: %g requests in the step at %v s, more than %g", clip(m), n, float64(int64(i)*grid)/1000, float64(maxCount))
			}
			if n > 0 || i == 0 || i == steps-1 {
				quoted := `"` + strings.ReplaceAll(m, `"`, `""`) + `"`
				fmt.Fprintf(&out, "%s,%s,%.0f\n", strconv.FormatFloat(float64(int64(i)*grid)/1000, 'f', -1, 64), quoted, n)
			}
		}
	}
	return out.Bytes(), nil
}

// models names the model of each series.
func (p Prometheus) models(list []promSeries, path string) ([]string, error) {
	label := p.Label
	if label == "" && !slices.ContainsFunc(list, func(s promSeries) bool { return s.Metric["model"] == "" }) {
		label = "model"
	}
	names := make([]string, len(list))
	if label != "" {
		for i := range list {
			if names[i] = list[i].Metric[label]; names[i] == "" {
				return nil, fmt.Errorf("%s[%d]: has no label %q", path, i, label)
			}
		}
		return plainNames(names), nil
	}
	differ := map[string]bool{}
	for i := range list {
		for k, v := range list[i].Metric {
			differ[k] = differ[k] || list[0].Metric[k] != v
		}
		for k := range list[0].Metric {
			_, has := list[i].Metric[k]
			differ[k] = differ[k] || !has
		}
	}
	for i := range list {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(differ)) {
			if v := list[i].Metric[k]; differ[k] && v != "" {
				parts = append(parts, v)
			}
		}
		names[i] = cmp.Or(strings.Join(parts, ","), list[i].Metric["__name__"], "all")
	}
	return plainNames(names), nil
}

// plainNames makes of names what a CSV file gives back as it was written.
func plainNames(names []string) []string {
	for i := range names {
		names[i] = strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, names[i])
	}
	return names
}
