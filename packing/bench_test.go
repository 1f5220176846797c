package packing_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/bellows-go/bellows/internal/datatest"
	"github.com/bellows-go/bellows/packing"
)

// Sizes of planted fleets: zones, capabilities, spread and overcommit, filled to
// the brim.
func BenchmarkPackPlanted(b *testing.B) {
	for _, bins := range []int{20, 200, 1000} {
		for _, effort := range []packing.Effort{packing.Fast, packing.Tick, packing.Second} {
			b.Run(fmt.Sprintf("servers=%d/effort=%v", bins, effort), func(b *testing.B) {
				pack(b, planted(1, bins), bins, packing.Options{Effort: effort})
			})
		}
	}
}

// pack measures time, memory and what is wasted over an optimum.
func pack(b *testing.B, p *packing.Problem, optimum int, o packing.Options) {
	var a *packing.Assignment
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if a, err = packing.Pack(p, o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(a.Used), "bins/op")
	b.ReportMetric(over(a.Used, optimum), "over_%")
	b.ReportMetric(100*a.Gap(), "gap_%")
}

// publishedFleets are the fleets of a file of the published data.
func publishedFleets(b *testing.B, name string) []published {
	list, err := readFleets(filepath.Join(datatest.Dir(b, *instances, "packing"), "fleet", name))
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// The published fleet of 10,000 servers and 102,301 replicas, packed; first fit
// is the fast path, and its garbage is reported per placement.
func BenchmarkPackPublished10k(b *testing.B) {
	p := publishedFleets(b, "planted_10k.jsonl.gz")[0]
	replicas := 0
	for _, c := range p.problem.Classes {
		replicas += c.Count
	}
	for _, effort := range []packing.Effort{packing.Fast, packing.Tick, packing.Second} {
		b.Run("effort="+effort.String(), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			pack(b, p.problem, p.optimum, packing.Options{Effort: effort})
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N*replicas), "B/placement")
		})
	}
}

// Vector bin packing as published, one instance of each class.
func BenchmarkPackVectors(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(datatest.Dir(b, *instances, "packing"), "vbp", "*.txt.gz"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range files {
		list, err := readVectors(path)
		if err != nil || len(list) == 0 {
			b.Fatalf("%s: %v", path, err)
		}
		p := list[len(list)/2]
		b.Run(fmt.Sprintf("%s/items=%d/effort=tick", setName("vbp", path), len(p.problem.Classes)), func(b *testing.B) {
			pack(b, p.problem, max(p.optimum, p.best), packing.Options{})
		})
	}
}

// A tick on the published fleet of 10,000 servers, 1,000 classes of which change
// by one item, up or down and back again. Fleets as full as that have a tenth of
// their servers to spare, or any change would need moves.
func BenchmarkFleetTick(b *testing.B) {
	p := publishedFleets(b, "planted_10k.jsonl.gz")[0].problem
	const changes = 1000
	f, err := packing.NewFleet(placedWithRoom(b, p))
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	moved := 0
	up := 1
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		for i := range changes {
			c := &p.Classes[i*len(p.Classes)/changes]
			if err := f.SetCount(c.Name, max(0, c.Count+up*(1-2*(i%2)))); err != nil {
				b.Fatal(err)
			}
		}
		moved += f.Settle(packing.Options{}).Moved
		took = append(took, time.Since(began))
		up = 1 - up
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(moved)/float64(b.N), "moves/op")
}

// placedWithRoom is a fleet as first fit places it, with a tenth more servers,
// empty.
func placedWithRoom(b *testing.B, p *packing.Problem) *packing.Problem {
	a, err := packing.Pack(p, packing.Options{Effort: packing.Fast})
	if err != nil {
		b.Fatal(err)
	}
	next := *p
	next.Bins, next.Classes, next.Templates = nil, slices.Clone(p.Classes), nil
	for i := range len(a.Opened) * 11 / 10 {
		bin := p.Templates[0].Bin
		bin.Name, bin.Ordinal = fmt.Sprintf("server-%06d", i), i
		next.Bins = append(next.Bins, bin)
	}
	for i := range next.Classes {
		next.Classes[i].At = a.Bins[i]
	}
	return &next
}

func BenchmarkConsolidatePublished(b *testing.B) {
	for _, p := range publishedFleets(b, "consolidate.jsonl.gz") {
		for _, removal := range []packing.Removal{packing.Free, packing.Ordinal} {
			b.Run(fmt.Sprintf("%s/%v/effort=1s", p.name, removal), func(b *testing.B) {
				consolidate(b, p.problem, packing.Consolidation{Options: packing.Options{Effort: packing.Second}, Removal: removal})
			})
		}
	}
}

func consolidate(b *testing.B, p *packing.Problem, c packing.Consolidation) {
	var a *packing.Assignment
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if a, err = packing.Consolidate(p, c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(a.Used), "bins/op")
	b.ReportMetric(100*a.Gap(), "gap_%")
	b.ReportMetric(over(a.MovedCost, max(a.MovedBound, 1)), "cost_over_%")
}
