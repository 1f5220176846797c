package packing_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/datatest"
	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

var (
	instances = flag.String("instances", "", "folder of published problems; default $BELLOWS_DATA/packing")
	effort    = packing.Fast
)

func init() {
	flag.TextVar(&effort, "effort", packing.Fast, "effort that published problems are solved with: fast, tick, 1s or 30s")
}

// A row is what one set came to, as one line of JSON. Percentages are over the
// instances for which the reference is known; a field without any is left out.
type row struct {
	Set         string   `json:"set"`
	Instances   int      `json:"instances"`
	Invalid     int      `json:"invalid"`           // results that the judge refuses
	Faulty      int      `json:"faulty,omitempty"`  // instances that Validate refuses
	Refused     int      `json:"refused,omitempty"` // results with refusals
	ServersOver *float64 `json:"servers_over_pct,omitempty"`
	AtOptimum   *float64 `json:"at_optimum_pct,omitempty"` // of open instances: better than the best published, or proven
	Worse       *float64 `json:"worse_pct,omitempty"`      // than the best published
	CostOver    *float64 `json:"cost_over_pct,omitempty"`
	CostWorst   *float64 `json:"cost_over_worst_pct,omitempty"`
	Seconds     float64  `json:"seconds_mean"`
	SecondsMost float64  `json:"seconds_max"`
}

// A tally adds up the results of a set.
type tally struct {
	row
	over, optimal, worse, cost mean
	seconds                    mean
}

type mean struct{ sum, most, n float64 }

func (m *mean) add(x float64) {
	if m.n == 0 || x > m.most {
		m.most = x
	}
	m.sum += x
	m.n++
}

func (m *mean) value() *float64 {
	if m.n == 0 {
		return nil
	}
	return rounded(m.sum / m.n)
}

// rounded keeps four decimals.
func rounded(x float64) *float64 {
	x = math.Round(x*1e4) / 1e4
	return &x
}

func (m *mean) addIf(yes bool) {
	x := 0.0
	if yes {
		x = 100
	}
	m.add(x)
}

// merge adds what another tally has.
func (c *tally) merge(o *tally) {
	c.Instances += o.Instances
	c.Invalid += o.Invalid
	c.Faulty += o.Faulty
	c.Refused += o.Refused
	c.over.merge(o.over)
	c.optimal.merge(o.optimal)
	c.worse.merge(o.worse)
	c.cost.merge(o.cost)
	c.seconds.merge(o.seconds)
}

func (m *mean) merge(o mean) {
	if m.n == 0 || o.n > 0 && o.most > m.most {
		m.most = o.most
	}
	m.sum += o.sum
	m.n += o.n
}

// solve runs f on an instance and judges the answer; nil is none worth counting.
func (c *tally) solve(t *testing.T, p published, check func(*packing.Assignment) error, f func() (*packing.Assignment, error)) *packing.Assignment {
	began := time.Now()
	a, err := f()
	c.seconds.add(time.Since(began).Seconds())
	c.Instances++
	if err != nil {
		t.Logf("%s %s: %v", c.Set, p.name, err)
		c.Faulty++
		return nil
	}
	if err := check(a); err != nil {
		t.Errorf("%s %s: %v", c.Set, p.name, err)
		c.Invalid++
		return nil
	}
	if len(a.Refusals) > 0 {
		t.Logf("%s %s: %v", c.Set, p.name, a.Refusals[0])
		c.Refused++
		return nil
	}
	return a
}

func (c *tally) print(t *testing.T) {
	if c.Instances == 0 {
		return
	}
	c.ServersOver, c.Worse, c.CostOver = c.over.value(), c.worse.value(), c.cost.value()
	if c.optimal.n > 0 {
		c.AtOptimum = c.optimal.value()
	}
	if c.cost.n > 0 {
		c.CostWorst = rounded(c.cost.most)
	}
	c.Seconds, c.SecondsMost = *c.seconds.value(), *rounded(c.seconds.most)
	line, err := json.Marshal(c.row)
	require.NoError(t, err)
	fmt.Println(string(line))
}

// TestInstances solves published problems, judges every answer and prints what
// each set came to.
func TestInstances(t *testing.T) {
	dir := datatest.Dir(t, *instances, "packing")
	files := func(pattern string) []string {
		list, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		return list
	}
	t.Run("fleet", func(t *testing.T) {
		for _, path := range files("fleet/*.jsonl.gz") {
			placeFleets(t, path)
		}
	})
	t.Run("vbp", func(t *testing.T) {
		proven, open := tallies("vbp")
		for _, path := range files("vbp/*.txt.gz") {
			list, err := readVectors(path)
			require.NoError(t, err)
			packAll(t, setName("vbp", path), list, proven, open)
		}
		proven.print(t)
		open.print(t)
	})
	t.Run("alibaba", func(t *testing.T) {
		inflateAll(t, files("alibaba-gpu-v2023/openb_node_list_*.csv.gz"), files("alibaba-gpu-v2023/openb_pod_list_*.csv.gz"))
	})
	t.Run("roadef2012", func(t *testing.T) {
		reassignAll(t, filepath.Join(dir, "roadef2012"))
	})
}

// placeFleets packs the fleets of a file and consolidates those that are placed.
func placeFleets(t *testing.T, path string) {
	list, err := readFleets(path)
	require.NoError(t, err)
	var place, move []published
	for _, p := range list {
		if len(p.problem.Bins) == 0 {
			place = append(place, p)
		} else {
			move = append(move, p)
		}
	}
	packAll(t, setName("fleet", path), place)
	consolidateAll(t, setName("fleet", path), move)
}

func setName(folder, path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return folder + "/" + name
}

// tallies are for the instances of a set with a known optimum and for those
// without.
func tallies(set string) (proven, open *tally) {
	return &tally{row: row{Set: set}}, &tally{row: row{Set: set + "/open"}}
}

// packAll packs a set's instances and adds what they come to to its own tallies
// and, where there are any, to those of all sets.
func packAll(t *testing.T, set string, list []published, all ...*tally) {
	proven, open := tallies(set)
	for _, p := range list {
		c := proven
		if p.optimum == 0 {
			c = open
		}
		a := c.solve(t, p, func(a *packing.Assignment) error { return packingtest.CheckStays(p.problem, a) },
			func() (*packing.Assignment, error) { return packing.Pack(p.problem, packing.Options{Effort: effort}) })
		if a == nil {
			continue
		}
		if p.optimum > 0 {
			if a.Used < p.optimum || a.LowerBound > p.optimum {
				t.Errorf("%s %s: %d bins, bound %d, yet the optimum is known to be %d", set, p.name, a.Used, a.LowerBound, p.optimum)
			}
			c.over.add(over(a.Used, p.optimum))
			c.optimal.addIf(a.Used == p.optimum)
			continue
		}
		c.over.add(over(a.Used, p.best))
		c.optimal.addIf(a.Used < p.best || a.Used == a.LowerBound)
		c.worse.addIf(a.Used > p.best)
	}
	for i, own := range []*tally{proven, open} {
		own.print(t)
		if len(all) > 0 {
			all[i].merge(own)
		}
	}
}

// over is by how much x is more than the reference, in percent of it.
func over[N int | int64](x, reference N) float64 {
	if x == reference {
		return 0
	}
	return 100 * float64(x-reference) / float64(reference)
}

// consolidateAll consolidates fleets under both rules of removal, small ones,
// of which the best result is known, apart from large ones. These are measured
// by the bounds of the results.
func consolidateAll(t *testing.T, set string, list []published) {
	for _, removal := range []packing.Removal{packing.Free, packing.Ordinal} {
		small := tally{row: row{Set: set + "/small/" + removal.String()}}
		large := tally{row: row{Set: set + "/large/" + removal.String()}}
		for _, p := range list {
			how := packing.Consolidation{Options: packing.Options{Effort: effort}, Removal: removal}
			c, servers, cost := &small, p.servers[removal], int64(p.cost[removal])
			if servers == 0 {
				c = &large
			}
			a := c.solve(t, p, func(a *packing.Assignment) error { return packingtest.CheckConsolidated(p.problem, a, how) },
				func() (*packing.Assignment, error) { return packing.Consolidate(p.problem, how) })
			if a == nil {
				continue
			}
			if servers == 0 {
				servers, cost = max(p.bound, a.LowerBound), a.MovedBound
			}
			kept := a.Used
			if removal == packing.Ordinal {
				kept = highest(a) + 1
			}
			c.over.add(over(kept, servers))
			c.optimal.addIf(kept == servers)
			if kept == servers || c == &large {
				c.cost.add(over(a.MovedCost, cost))
			}
		}
		small.print(t)
		large.print(t)
	}
}

// highest is the last bin that holds something.
func highest(a *packing.Assignment) int {
	last := -1
	for _, bins := range a.Bins {
		if len(bins) > 0 {
			last = max(last, bins[len(bins)-1])
		}
	}
	return last
}
