package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim/trace"
)

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
