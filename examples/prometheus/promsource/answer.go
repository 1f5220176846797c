package promsource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// An answer is what an instant query gave.
type answer struct {
	elements []element
	warnings []string
}

// An element is one series of an answer.
type element struct {
	labels map[string]string
	points []point // at least one, ascending; one alone unless the answer is a matrix
}

type point struct {
	at    time.Time
	value float64 // any, NaN and Inf too
}

func (e *element) last() point { return e.points[len(e.points)-1] }

// A Refused error is what the server itself said of a query.
type Refused struct {
	Type   string // as "bad_data", "timeout", "execution"
	Reason string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("refused: %s: %s", brief(r.Type), brief(r.Reason))
}

// brief shortens what somebody else wrote and makes it one harmless line.
func brief(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strconv.Quote(text)
}

// clipped is what a decoder says of an answer, without all that it quotes of it.
func clipped(err error) string {
	const most = 200
	if text := err.Error(); len(text) > most {
		return text[:most] + "..."
	}
	return err.Error()
}

// parse reads the body of an answer. Whatever it returns without an error is
// well-formed.
func parse(body []byte) (answer, error) {
	var reply struct {
		Status    string
		ErrorType string
		Error     string
		Warnings  []string
		Data      struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&reply); err != nil {
		return answer{}, fmt.Errorf("malformed: %s: it begins with %s", clipped(err), brief(string(body)))
	}
	if len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return answer{}, fmt.Errorf("malformed: %s behind its end", brief(string(body[d.InputOffset():])))
	}
	switch {
	case reply.Status == "error":
		return answer{}, &Refused{reply.ErrorType, reply.Error}
	case reply.Status != "success":
		return answer{}, fmt.Errorf("malformed: status %s", brief(reply.Status))
	}
	a := answer{warnings: reply.Warnings}
	var err error
	switch reply.Data.ResultType {
	case "vector", "matrix":
		a.elements, err = parseElements(reply.Data.Result, reply.Data.ResultType == "matrix")
	case "scalar":
		var p point
		p, err = parsePoint(reply.Data.Result)
		a.elements = []element{{points: []point{p}}}
	default:
		err = fmt.Errorf("a result of type %s is no number", brief(reply.Data.ResultType))
	}
	if err != nil {
		return answer{}, fmt.Errorf("malformed: %w", err)
	}
	return a, nil
}

// parseElements reads the elements of a vector or matrix.
func parseElements(raw json.RawMessage, matrix bool) ([]element, error) {
	var list []struct {
		Metric     map[string]string
		Value      json.RawMessage
		Values     []json.RawMessage
		Histogram  json.RawMessage
		Histograms json.RawMessage
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New(clipped(err))
	}
	if list == nil {
		return nil, errors.New("there is no result, not even an empty one")
	}
	elements := make([]element, 0, len(list))
	for i, l := range list {
		if l.Histogram != nil || l.Histograms != nil {
			return nil, fmt.Errorf("result[%d] is a histogram: ask for its histogram_quantile, histogram_sum or histogram_count", i)
		}
		if !matrix {
			l.Values = []json.RawMessage{l.Value}
		}
		e := element{labels: l.Metric, points: make([]point, 0, len(l.Values))}
		for _, v := range l.Values {
			p, err := parsePoint(v)
			if err != nil {
				return nil, fmt.Errorf("result[%d]: %w", i, err)
			}
			if n := len(e.points); n > 0 && !p.at.After(e.points[n-1].at) {
				return nil, fmt.Errorf("result[%d]: a value of %v after one of %v", i, p.at, e.points[n-1].at)
			}
			e.points = append(e.points, p)
		}
		if len(e.points) > 0 {
			elements = append(elements, e)
		}
	}
	return elements, nil
}

// parsePoint reads [<unix time>, "<value>"].
func parsePoint(raw json.RawMessage) (point, error) {
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
		return point{}, fmt.Errorf("%s is no pair of a time and a value", brief(string(raw)))
	}
	var seconds float64
	if err := json.Unmarshal(pair[0], &seconds); err != nil || string(pair[0]) == "null" {
		return point{}, fmt.Errorf("%s is no time", brief(string(pair[0])))
	}
	at, err := unix(seconds)
	if err != nil {
		return point{}, err
	}
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil || string(pair[1]) == "null" {
		return point{}, fmt.Errorf("%s is no value in quotes", brief(string(pair[1])))
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return point{}, fmt.Errorf("%s is no value", brief(text))
	}
	return point{at, value}, nil
}

// unix is an instant in Unix seconds, rounded to milliseconds as the server does.
func unix(seconds float64) (time.Time, error) {
	if !(math.Abs(seconds) < 1e11) { // the year 5138
		return time.Time{}, fmt.Errorf("%v is no time", seconds)
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))), nil
}
